// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBridge} from "../bridge/IBridge.sol";

/// @title WithdrawalTarget
/// @notice Test only: receives withdrawals in every mood.
contract WithdrawalTarget {
    enum Mood {
        Accept,
        Revert,
        BurnGas,
        ReturnBomb,
        CallBack
    }

    IBridge public immutable bridge;
    Mood public mood;
    address public lastSender;
    uint256 public lastValue;
    bytes public lastData;
    uint256 public lastGas;
    uint256 public calls;
    bytes public callback;
    uint256 public callbackValue;
    bool public callbackSucceeded;
    bytes public callbackResult;

    constructor(IBridge bridge_) {
        bridge = bridge_;
    }

    function set(Mood mood_, bytes calldata callback_, uint256 callbackValue_) external {
        mood = mood_;
        callback = callback_;
        callbackValue = callbackValue_;
    }

    fallback() external payable {
        uint256 gasAtEntry = gasleft();
        if (mood == Mood.Revert) revert("refused");
        if (mood == Mood.BurnGas) {
            assembly {
                invalid()
            }
        }
        if (mood == Mood.ReturnBomb) {
            assembly {
                revert(0, 400000)
            }
        }
        ++calls;
        lastSender = bridge.l2Sender();
        lastValue = msg.value;
        lastData = msg.data;
        lastGas = gasAtEntry;
        if (mood == Mood.CallBack) {
            (callbackSucceeded, callbackResult) = address(bridge).call{value: callbackValue}(callback);
        }
    }
}
