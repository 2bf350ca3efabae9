// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC3009} from "../channels/IERC3009.sol";
import {IDepositCollector} from "./IDepositCollector.sol";

/// @title Erc3009Collector
/// @notice Fetches deposits by EIP-3009 authorizations: who pays signs, and anyone pays the gas. Follows the public interface of
/// x402's `ERC3009DepositCollector`, and is a predeploy of L2 at the address that x402 has published. It keeps nothing, neither
/// state nor tokens.
/// @dev Authorizations are of keys (r ‖ s ‖ v). The token is called by EIP-3009's own signature, which all tokens with EIP-3009 have.
contract Erc3009Collector is IDepositCollector {
    using SafeERC20 for IERC20;

    /// @notice Whom deposits are fetched for: x402's published address of BatchSettlement.
    address public constant SETTLEMENT = 0x4020074e9dF2ce1deE5A9C1b5c3f541D02a10003;

    /// @notice Thrown when someone else calls: he would have the tokens of a deposit that is not booked.
    error OnlySettlement(address sender);
    /// @notice Thrown when a signature is not 65 bytes long.
    error WrongLength(uint256 length);

    /// @inheritdoc IDepositCollector
    /// @param collectorData abi.encode(uint256 validAfter, uint256 validBefore, uint256 salt, bytes signature), times in seconds. The
    /// authorization's nonce is keccak(abi.encode(channelId, salt)): it can be used for no other channel.
    function collect(address payer, address token, uint256 amount, bytes32 channelId, bytes calldata collectorData)
        external
    {
        if (msg.sender != SETTLEMENT) revert OnlySettlement(msg.sender);
        (uint256 validAfter, uint256 validBefore, uint256 salt, bytes memory signature) =
            abi.decode(collectorData, (uint256, uint256, uint256, bytes));
        (uint8 v, bytes32 r, bytes32 s) = _split(signature);
        bytes32 nonce = keccak256(abi.encode(channelId, salt));
        IERC3009(token).receiveWithAuthorization(
            payer, address(this), amount, validAfter, validBefore, nonce, v, r, s
        );
        IERC20(token).safeTransfer(SETTLEMENT, amount);
    }

    function _split(bytes memory signature) private pure returns (uint8 v, bytes32 r, bytes32 s) {
        if (signature.length != 65) revert WrongLength(signature.length);
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
            v := byte(0, mload(add(signature, 0x60)))
        }
    }
}
