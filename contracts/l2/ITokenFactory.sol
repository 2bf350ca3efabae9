// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Metadata} from "../lib/TokenMetadata.sol";

/// @title ITokenFactory
/// @notice Predeploy: makes the L2 tokens that stand for L1 tokens, one for each, and moves them in and out.
interface ITokenFactory {
    /// @notice The L2 token of an L1 token was deployed, at its first deposit.
    event TokenCreated(address indexed l1Token, address indexed l2Token, bool isERC721);
    /// @notice A deposit of ERC-20 tokens arrived.
    event ERC20DepositFinalized(address indexed l1Token, address indexed from, address indexed to, uint256 amount);
    /// @notice A deposit of an ERC-721 token arrived.
    event ERC721DepositFinalized(address indexed l1Token, address indexed from, address indexed to, uint256 tokenId);
    /// @notice ERC-20 tokens were burnt, to be released on L1.
    event ERC20Withdrawn(
        address indexed l1Token, address indexed from, address indexed to, uint256 amount, bytes32 withdrawalHash
    );
    /// @notice An ERC-721 token was burnt, to be released on L1.
    event ERC721Withdrawn(
        address indexed l1Token, address indexed from, address indexed to, uint256 tokenId, bytes32 withdrawalHash
    );

    /// @notice Thrown when a deposit does not come from the token bridge on L1.
    error OnlyTokenBridge();
    /// @notice Thrown when the token was not made here, or is of the other kind.
    error NotBridged(address l2Token);
    /// @notice Thrown when the receiver on L1 is the zero address, to which tokens cannot be released.
    error ZeroReceiver();

    /// @notice Mints what was deposited on L1. Only the token bridge, by a message.
    /// @param from Depositor on L1.
    function finalizeERC20Deposit(
        address l1Token,
        address from,
        address to,
        uint256 amount,
        Metadata calldata metadata
    ) external;

    /// @notice Mints the token that was deposited on L1. Only the token bridge, by a message.
    /// @param from Depositor on L1.
    /// @param l1ChainId L1's chain id, for the token's URI.
    function finalizeERC721Deposit(
        address l1Token,
        address from,
        address to,
        uint256 tokenId,
        uint256 l1ChainId,
        Metadata calldata metadata
    ) external;

    /// @notice Burns the caller's tokens and has as many released on L1.
    /// @param to Receiver on L1.
    /// @param gasLimit Least L1 gas for the release.
    /// @return withdrawalHash The withdrawal to finalise on L1.
    function withdrawERC20(address l2Token, address to, uint256 amount, uint256 gasLimit)
        external
        returns (bytes32 withdrawalHash);

    /// @notice Burns the caller's token and has it released on L1.
    /// @param to Receiver on L1.
    /// @param gasLimit Least L1 gas for the release.
    /// @return withdrawalHash The withdrawal to finalise on L1.
    function withdrawERC721(address l2Token, address to, uint256 tokenId, uint256 gasLimit)
        external
        returns (bytes32 withdrawalHash);

    /// @notice The token bridge on L1; fixed at genesis.
    function tokenBridge() external view returns (address);

    /// @notice The L2 token of an L1 ERC-20 token; zero before its first deposit.
    function erc20Of(address l1Token) external view returns (address);

    /// @notice The L2 token of an L1 ERC-721 token; zero before its first deposit.
    function erc721Of(address l1Token) external view returns (address);

    /// @notice The L1 token of an L2 token; zero if not made here.
    function l1TokenOf(address l2Token) external view returns (address);
}
