// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import {IInbox} from "../inbox/IInbox.sol";
import {ITokenFactory} from "../l2/ITokenFactory.sol";
import {Predeploys} from "../lib/Predeploys.sol";
import {TokenMetadata} from "../lib/TokenMetadata.sol";
import {IBridge} from "./IBridge.sol";
import {ITokenBridge} from "./ITokenBridge.sol";

/// @title TokenBridge
/// @notice See ITokenBridge.
contract TokenBridge is ITokenBridge {
    using SafeERC20 for IERC20;

    /// @notice L2 gas of an ERC-20 deposit: enough to deploy the wrapped token with the longest metadata (measured in the tests).
    /// Every deposit carries the metadata and this gas, because none can know whether an earlier one has arrived.
    uint64 public constant ERC20_GAS_LIMIT = 1_500_000;
    /// @notice L2 gas of an ERC-721 deposit, as above.
    uint64 public constant ERC721_GAS_LIMIT = 3_000_000;

    /// @inheritdoc ITokenBridge
    IBridge public immutable bridge;
    /// @inheritdoc ITokenBridge
    IInbox public immutable inbox;

    bool private transient _entered;

    /// @dev Two deposits at once would both measure what one of them brought; tokens with hooks can attempt it.
    modifier nonReentrant() {
        if (_entered) revert Reentered();
        _entered = true;
        _;
        _entered = false;
    }

    /// @dev The sender of the message on L2 counts, not the bridge alone: everyone on L2 can make the bridge call.
    modifier onlyTokenFactory() {
        if (msg.sender != address(bridge) || bridge.l2Sender() != Predeploys.TOKEN_FACTORY) revert OnlyTokenFactory();
        _;
    }

    constructor(IBridge bridge_, IInbox inbox_) {
        bridge = bridge_;
        inbox = inbox_;
    }

    /// @inheritdoc ITokenBridge
    function depositERC20(address token, address to, uint256 amount)
        external
        nonReentrant
        returns (uint64 messageIndex)
    {
        if (to == address(0)) revert ZeroReceiver();
        if (_isERC721(token)) revert IsERC721(token);
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 afterwards = IERC20(token).balanceOf(address(this));
        if (afterwards <= before) revert NothingReceived();
        uint256 received = afterwards - before;

        messageIndex = inbox.sendMessage(
            Predeploys.TOKEN_FACTORY,
            ERC20_GAS_LIMIT,
            abi.encodeCall(
                ITokenFactory.finalizeERC20Deposit, (token, msg.sender, to, received, TokenMetadata.ofERC20(token))
            )
        );
        emit ERC20Deposited(token, msg.sender, to, received, messageIndex);
    }

    /// @inheritdoc ITokenBridge
    function depositERC721(address token, address to, uint256 tokenId)
        external
        nonReentrant
        returns (uint64 messageIndex)
    {
        if (to == address(0)) revert ZeroReceiver();
        if (!_isERC721(token)) revert NotERC721(token);
        IERC721(token).transferFrom(msg.sender, address(this), tokenId);
        if (IERC721(token).ownerOf(tokenId) != address(this)) revert NotReceived(token, tokenId);

        messageIndex = inbox.sendMessage(
            Predeploys.TOKEN_FACTORY,
            ERC721_GAS_LIMIT,
            abi.encodeCall(
                ITokenFactory.finalizeERC721Deposit,
                (token, msg.sender, to, tokenId, block.chainid, TokenMetadata.ofERC721(token))
            )
        );
        emit ERC721Deposited(token, msg.sender, to, tokenId, messageIndex);
    }

    /// @inheritdoc ITokenBridge
    function releaseERC20(address token, address to, uint256 amount) external onlyTokenFactory nonReentrant {
        emit ERC20Released(token, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    /// @inheritdoc ITokenBridge
    function releaseERC721(address token, address to, uint256 tokenId) external onlyTokenFactory nonReentrant {
        emit ERC721Released(token, to, tokenId);
        IERC721(token).transferFrom(address(this), to, tokenId);
    }

    function _isERC721(address token) private view returns (bool) {
        return ERC165Checker.supportsERC165InterfaceUnchecked(token, type(IERC721).interfaceId);
    }
}
