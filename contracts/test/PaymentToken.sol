// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IERC3009} from "../channels/IERC3009.sol";

/// @title PaymentToken
/// @notice Test only: a token with permits (EIP-2612), authorizations (EIP-3009) and a list of those whom nobody can pay.
contract PaymentToken is ERC20Permit, IERC3009 {
    bytes32 private constant RECEIVE = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );

    mapping(address => bool) public isBlocked;
    mapping(address => mapping(bytes32 => bool)) public isUsed;

    error Blocked();
    error BadAuthorization();

    constructor() ERC20("Payment token", "PAY") ERC20Permit("Payment token") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function block_(address account) external {
        isBlocked[account] = true;
    }

    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        bytes32 structHash = keccak256(abi.encode(RECEIVE, from, to, value, validAfter, validBefore, nonce));
        bool isTime = block.timestamp > validAfter && block.timestamp < validBefore;
        bool isSigned = ECDSA.recover(_hashTypedDataV4(structHash), v, r, s) == from;
        if (to != msg.sender || isUsed[from][nonce] || !isTime || !isSigned) revert BadAuthorization();
        isUsed[from][nonce] = true;
        _transfer(from, to, value);
    }

    function _update(address from, address to, uint256 value) internal override {
        if (isBlocked[to]) revert Blocked();
        super._update(from, to, value);
    }
}
