// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Withdrawal, WithdrawalHashing} from "../bridge/WithdrawalTypes.sol";
import {BatchLocation, InboxHashing, L1Context, Message} from "../inbox/InboxTypes.sol";
import {LZ4} from "../lib/LZ4.sol";
import {Predeploys} from "../lib/Predeploys.sol";
import {IRollup} from "../rollup/IRollup.sol";
import {Account, AssertionId, AssertionOpening, Header, RollupHashing, State} from "../rollup/RollupTypes.sol";

/// @title HashHarness
/// @notice Test only: makes the hashes and constants that Python has too callable.
contract HashHarness {
    function messageHash(Message calldata message, L1Context calldata context) external pure returns (bytes32) {
        return InboxHashing.hashMessage(message, context);
    }

    function batchHash(BatchLocation location, bytes32 dataHash, uint64 consumed, L1Context calldata context)
        external
        pure
        returns (bytes32)
    {
        return InboxHashing.hashBatch(location, dataHash, consumed, context);
    }

    function accumulate(bytes32 acc, bytes32 entryHash) external pure returns (bytes32) {
        return InboxHashing.accumulate(acc, entryHash);
    }

    /// @return What the rollup reads from a header, after its hash: state root and messages consumed.
    function header(bytes32[17] calldata words) external pure returns (bytes32, bytes32, uint256) {
        return (Header.hash(words), Header.stateRoot(words), Header.messagesConsumed(words));
    }

    function stateHash(State calldata state) external pure returns (bytes32) {
        return RollupHashing.hash(state);
    }

    function assertionId(AssertionOpening calldata opening) external pure returns (AssertionId) {
        return RollupHashing.id(opening);
    }

    function accountHash(Account calldata account) external pure returns (bytes32) {
        return RollupHashing.hash(account);
    }

    function withdrawalHash(Withdrawal calldata withdrawal) external pure returns (bytes32) {
        return WithdrawalHashing.hash(withdrawal);
    }

    function withdrawalKey(bytes32 hash) external pure returns (bytes32) {
        return WithdrawalHashing.storageKey(hash);
    }

    function sent() external pure returns (uint256 slot, bytes32 value) {
        return (WithdrawalHashing.SENT_SLOT, WithdrawalHashing.SENT);
    }

    function locations() external pure returns (BatchLocation none, BatchLocation inCalldata) {
        return (BatchLocation.None, BatchLocation.Calldata);
    }

    function statuses()
        external
        pure
        returns (IRollup.Status none, IRollup.Status pending, IRollup.Status confirmed, IRollup.Status rejected)
    {
        return (IRollup.Status.None, IRollup.Status.Pending, IRollup.Status.Confirmed, IRollup.Status.Rejected);
    }

    function predeploys()
        external
        pure
        returns (address messagePasser, address tokenFactory, address l1Info, address feeVault)
    {
        return (Predeploys.MESSAGE_PASSER, Predeploys.TOKEN_FACTORY, Predeploys.L1_INFO, Predeploys.FEE_VAULT);
    }

    function systemSender() external pure returns (address) {
        return Predeploys.SYSTEM_SENDER;
    }

    function maxSequences() external pure returns (uint256) {
        return LZ4.MAX_SEQUENCES;
    }
}
