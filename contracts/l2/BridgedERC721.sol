// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Metadata} from "../lib/TokenMetadata.sol";

/// @title BridgedERC721
/// @notice An L1 ERC-721 token on L2. The tokens that exist are those that the token bridge holds on L1.
contract BridgedERC721 is ERC721 {
    /// @notice The factory, which alone mints and burns.
    address public immutable factory;
    /// @notice The L1 token that this one stands for.
    address public immutable l1Token;
    /// @notice The chain of the L1 token.
    uint256 public immutable l1ChainId;

    /// @notice Thrown when anyone but the factory mints or burns.
    error OnlyFactory();
    /// @notice Thrown when a token is burnt for someone who does not own it.
    error NotOwner(address account, uint256 tokenId);

    modifier onlyFactory() {
        if (msg.sender != factory) revert OnlyFactory();
        _;
    }

    constructor(address l1Token_, uint256 l1ChainId_, Metadata memory metadata)
        ERC721(metadata.name, metadata.symbol)
    {
        factory = msg.sender;
        l1Token = l1Token_;
        l1ChainId = l1ChainId_;
    }

    /// @notice Mints the token that was deposited on L1, without asking the receiver: a refusal would only lock it there.
    function mint(address to, uint256 tokenId) external onlyFactory {
        _mint(to, tokenId);
    }

    /// @notice Burns the token that its owner withdraws.
    function burn(address from, uint256 tokenId) external onlyFactory {
        if (_requireOwned(tokenId) != from) revert NotOwner(from, tokenId);
        _burn(tokenId);
    }

    /// @dev With the id appended, an EIP-681 link to the answer of the L1 token's tokenURI.
    function _baseURI() internal view override returns (string memory) {
        return string.concat(
            "ethereum:",
            Strings.toHexString(l1Token),
            "@",
            Strings.toString(l1ChainId),
            "/tokenURI?uint256="
        );
    }
}
