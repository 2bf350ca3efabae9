// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title OddParty
/// @notice Test only: a contract that is a party of a channel. It signs by its owner's key (ERC-1271), and takes ether in every mood.
contract OddParty {
    enum Mood {
        Accept,
        Revert,
        BurnGas,
        ReturnBomb,
        CallBack
    }

    address public immutable owner;
    Mood public mood;
    bool public hasRevoked;
    address public target;
    bytes public callback;
    bool public callbackSucceeded;

    constructor(address owner_) {
        owner = owner_;
    }

    function set(Mood mood_, bool hasRevoked_, address target_, bytes calldata callback_) external {
        (mood, hasRevoked, target, callback) = (mood_, hasRevoked_, target_, callback_);
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        return !hasRevoked && ECDSA.recover(digest, signature) == owner ? this.isValidSignature.selector : bytes4(0);
    }

    receive() external payable {
        if (mood == Mood.Revert) revert("refused");
        if (mood == Mood.BurnGas) {
            while (true) {}
        }
        if (mood == Mood.ReturnBomb) {
            assembly {
                revert(0, 40000)
            }
        }
        if (mood == Mood.CallBack) (callbackSucceeded,) = target.call(callback);
    }
}
