// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ITokenBridge} from "../bridge/ITokenBridge.sol";
import {AddressAliasing} from "../lib/AddressAliasing.sol";
import {Predeploys} from "../lib/Predeploys.sol";
import {Metadata} from "../lib/TokenMetadata.sol";
import {BridgedERC20} from "./BridgedERC20.sol";
import {BridgedERC721} from "./BridgedERC721.sol";
import {IMessagePasser} from "./IMessagePasser.sol";
import {ITokenFactory} from "./ITokenFactory.sol";

/// @title TokenFactory
/// @notice See ITokenFactory.
/// @dev Predeploy without constructor. Storage: slot 0 `tokenBridge`, set in genesis and never written after; slot 1 `erc20Of`;
/// slot 2 `erc721Of`; slot 3 `l1TokenOf`. The tokens it calls are its own, so no call here can come back.
contract TokenFactory is ITokenFactory {
    /// @inheritdoc ITokenFactory
    // slither-disable-next-line uninitialized-state
    address public tokenBridge;
    /// @inheritdoc ITokenFactory
    mapping(address l1Token => address l2Token) public erc20Of;
    /// @inheritdoc ITokenFactory
    mapping(address l1Token => address l2Token) public erc721Of;
    /// @inheritdoc ITokenFactory
    mapping(address l2Token => address l1Token) public l1TokenOf;

    modifier onlyTokenBridge() {
        if (msg.sender != AddressAliasing.alias_(tokenBridge)) revert OnlyTokenBridge();
        _;
    }

    /// @inheritdoc ITokenFactory
    function finalizeERC20Deposit(
        address l1Token,
        address from,
        address to,
        uint256 amount,
        Metadata calldata metadata
    ) external onlyTokenBridge {
        address l2Token = erc20Of[l1Token];
        if (l2Token == address(0)) {
            l2Token = address(new BridgedERC20{salt: _salt(l1Token)}(l1Token, metadata));
            erc20Of[l1Token] = l2Token;
            l1TokenOf[l2Token] = l1Token;
            emit TokenCreated(l1Token, l2Token, false);
        }
        BridgedERC20(l2Token).mint(to, amount);
        emit ERC20DepositFinalized(l1Token, from, to, amount);
    }

    /// @inheritdoc ITokenFactory
    function finalizeERC721Deposit(
        address l1Token,
        address from,
        address to,
        uint256 tokenId,
        uint256 l1ChainId,
        Metadata calldata metadata
    ) external onlyTokenBridge {
        address l2Token = erc721Of[l1Token];
        if (l2Token == address(0)) {
            l2Token = address(new BridgedERC721{salt: _salt(l1Token)}(l1Token, l1ChainId, metadata));
            erc721Of[l1Token] = l2Token;
            l1TokenOf[l2Token] = l1Token;
            emit TokenCreated(l1Token, l2Token, true);
        }
        BridgedERC721(l2Token).mint(to, tokenId);
        emit ERC721DepositFinalized(l1Token, from, to, tokenId);
    }

    /// @inheritdoc ITokenFactory
    function withdrawERC20(address l2Token, address to, uint256 amount, uint256 gasLimit)
        external
        returns (bytes32 withdrawalHash)
    {
        address l1Token = l1TokenOf[l2Token];
        if (l1Token == address(0) || erc20Of[l1Token] != l2Token) revert NotBridged(l2Token);
        if (to == address(0)) revert ZeroReceiver();
        BridgedERC20(l2Token).burn(msg.sender, amount);
        withdrawalHash = _pass(gasLimit, abi.encodeCall(ITokenBridge.releaseERC20, (l1Token, to, amount)));
        emit ERC20Withdrawn(l1Token, msg.sender, to, amount, withdrawalHash);
    }

    /// @inheritdoc ITokenFactory
    function withdrawERC721(address l2Token, address to, uint256 tokenId, uint256 gasLimit)
        external
        returns (bytes32 withdrawalHash)
    {
        address l1Token = l1TokenOf[l2Token];
        if (l1Token == address(0) || erc721Of[l1Token] != l2Token) revert NotBridged(l2Token);
        if (to == address(0)) revert ZeroReceiver();
        BridgedERC721(l2Token).burn(msg.sender, tokenId);
        withdrawalHash = _pass(gasLimit, abi.encodeCall(ITokenBridge.releaseERC721, (l1Token, to, tokenId)));
        emit ERC721Withdrawn(l1Token, msg.sender, to, tokenId, withdrawalHash);
    }

    function _pass(uint256 gasLimit, bytes memory data) private returns (bytes32) {
        return IMessagePasser(Predeploys.MESSAGE_PASSER).initiateWithdrawal(tokenBridge, gasLimit, data);
    }

    function _salt(address l1Token) private pure returns (bytes32) {
        return bytes32(uint256(uint160(l1Token)));
    }
}
