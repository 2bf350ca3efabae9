// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Caller
/// @notice Test only: a contract that calls whatever it is told to, and accepts ether. Placed at an address, it speaks for it.
contract Caller {
    receive() external payable {}

    function forward(address target, uint256 value, bytes calldata data) external payable returns (bytes memory) {
        (bool success, bytes memory result) = target.call{value: value}(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
        return result;
    }
}
