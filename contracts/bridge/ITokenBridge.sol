// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInbox} from "../inbox/IInbox.sol";
import {IBridge} from "./IBridge.sol";

/// @title ITokenBridge
/// @notice Holds the ERC-20 and ERC-721 tokens that exist, wrapped, on L2. It stands apart from Bridge because that one performs
/// arbitrary calls, which could move any token it held.
/// Not for tokens whose balances change by themselves (rebasing): what they gain stays here, what they lose is missing here.
interface ITokenBridge {
    /// @notice ERC-20 tokens were deposited.
    /// @param amount What arrived here, and is minted on L2.
    event ERC20Deposited(
        address indexed token, address indexed from, address indexed to, uint256 amount, uint64 messageIndex
    );
    /// @notice An ERC-721 token was deposited.
    event ERC721Deposited(
        address indexed token, address indexed from, address indexed to, uint256 tokenId, uint64 messageIndex
    );
    /// @notice ERC-20 tokens came back from L2.
    event ERC20Released(address indexed token, address indexed to, uint256 amount);
    /// @notice An ERC-721 token came back from L2.
    event ERC721Released(address indexed token, address indexed to, uint256 tokenId);

    /// @notice Thrown when the receiver is the zero address, to which nothing can be minted.
    error ZeroReceiver();
    /// @notice Thrown when no token arrived.
    error NothingReceived();
    /// @notice Thrown when an ERC-721 token is deposited as ERC-20 (their transferFrom look alike).
    error IsERC721(address token);
    /// @notice Thrown when a contract that does not answer as ERC-721 is deposited as such.
    error NotERC721(address token);
    /// @notice Thrown when the ERC-721 token did not arrive.
    error NotReceived(address token, uint256 tokenId);
    /// @notice Thrown when a token, during its transfer, deposits or releases again.
    error Reentered();
    /// @notice Thrown when a release is not the bridge's call for the token factory on L2.
    error OnlyTokenFactory();

    /// @notice Deposits tokens that the caller has approved. What arrives is minted, so fees on transfer are borne by the depositor.
    /// @param to Receiver on L2.
    /// @return messageIndex The deposit's index in the inbox.
    function depositERC20(address token, address to, uint256 amount) external returns (uint64 messageIndex);

    /// @notice Deposits a token that the caller has approved.
    /// @param to Receiver on L2.
    /// @return messageIndex The deposit's index in the inbox.
    function depositERC721(address token, address to, uint256 tokenId) external returns (uint64 messageIndex);

    /// @notice Pays out tokens burnt on L2. Only through a withdrawal of the token factory.
    function releaseERC20(address token, address to, uint256 amount) external;

    /// @notice Hands out a token burnt on L2. Only through a withdrawal of the token factory.
    /// @dev Without the receiver's consent (no onERC721Received): a refusal would only lock the token here.
    function releaseERC721(address token, address to, uint256 tokenId) external;

    /// @notice The bridge whose calls are trusted to come from L2.
    function bridge() external view returns (IBridge);

    /// @notice The queue that deposits go to.
    function inbox() external view returns (IInbox);
}
