// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// @title TestERC721
/// @notice Test only: a collection that anyone mints, and that can be told not to move tokens.
contract TestERC721 is ERC721("Test collection", "TEST") {
    bool public stuck;

    function mint(address to, uint256 tokenId) external {
        _mint(to, tokenId);
    }

    function setStuck(bool stuck_) external {
        stuck = stuck_;
    }

    function transferFrom(address from, address to, uint256 tokenId) public override {
        if (!stuck) super.transferFrom(from, to, tokenId);
    }
}
