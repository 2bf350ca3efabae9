// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IDepositCollector} from "../x402/IDepositCollector.sol";

/// @title PullCollector
/// @notice Test only: fetches by allowance, as much as it is told to: too little, too much, nothing.
contract PullCollector is IDepositCollector {
    function collect(address payer, address token, uint256 amount, bytes32, bytes calldata collectorData) external {
        uint256 brought = collectorData.length == 0 ? amount : abi.decode(collectorData, (uint256));
        if (brought != 0) IERC20(token).transferFrom(payer, msg.sender, brought);
    }
}
