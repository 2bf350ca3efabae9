// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Metadata} from "../lib/TokenMetadata.sol";

/// @title BridgedERC20
/// @notice An L1 ERC-20 token on L2. Its supply is what the token bridge holds on L1.
contract BridgedERC20 is ERC20 {
    /// @notice The factory, which alone mints and burns.
    address public immutable factory;
    /// @notice The L1 token that this one stands for.
    address public immutable l1Token;

    uint8 private immutable _decimals;

    /// @notice Thrown when anyone but the factory mints or burns.
    error OnlyFactory();

    modifier onlyFactory() {
        if (msg.sender != factory) revert OnlyFactory();
        _;
    }

    constructor(address l1Token_, Metadata memory metadata) ERC20(metadata.name, metadata.symbol) {
        factory = msg.sender;
        l1Token = l1Token_;
        _decimals = metadata.decimals;
    }

    /// @notice Mints what was deposited on L1.
    function mint(address to, uint256 amount) external onlyFactory {
        _mint(to, amount);
    }

    /// @notice Burns what its owner withdraws.
    function burn(address from, uint256 amount) external onlyFactory {
        _burn(from, amount);
    }

    /// @notice The L1 token's decimals; 0 if it has none.
    function decimals() public view override returns (uint8) {
        return _decimals;
    }
}
