// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// The structures of a machine state (machine reference, section 1), each field a word. A structure's hash is keccak of its words;
// in memory they lie as they are hashed. Twin of tandem/machine/structures.py.

/// @notice A machine state: its mode, and hashes of what there is in that mode. `blockState` is the parent's block hash between
/// blocks.
struct Machine {
    uint256 mode;
    bytes32 world;
    bytes32 frame;
    bytes32 transaction;
    bytes32 blockState;
    bytes32 aux;
    bytes32 cursor;
}

/// @notice What a revert restores.
struct World {
    bytes32 stateRoot;
    bytes32 accessRoot;
    bytes32 transientRoot;
    bytes32 logAcc;
    uint256 logCount;
    uint256 refund; // mod 2^256
    bytes32 doomed;
}

/// @notice One call. Up to `parent` nothing changes while it runs.
struct Frame {
    uint256 depth;
    uint256 isCreate;
    uint256 isStatic;
    address self;
    address caller;
    uint256 value;
    bytes32 codeRoot;
    uint256 codeSize;
    bytes32 inputRoot;
    uint256 inputOffset;
    uint256 inputLength;
    uint256 outputOffset;
    uint256 outputSize;
    bytes32 entryWorld;
    bytes32 parent;
    uint256 pc;
    uint256 gas;
    uint256 stackSize;
    bytes32 stackHash;
    uint256 memoryWords;
    bytes32 memoryRoot;
    bytes32 returnRoot;
    uint256 returnOffset;
    uint256 returnLength;
}

/// @notice The transaction that runs.
struct Transaction {
    uint256 kind;
    bytes32 hash;
    address origin;
    uint256 gasPrice; // wei, effective
    uint256 gasLimit;
    bytes32 startRoot;
    bytes32 blobHashes;
    uint256 isCreation;
    address to;
    uint256 value;
    uint256 nonce;
    bytes32 inputRoot;
    uint256 inputOffset;
    uint256 inputLength;
}

/// @notice The block in the making.
struct BlockState {
    uint256 number;
    uint256 timestamp;
    uint256 gasLimit;
    uint256 baseFee;
    bytes32 prevRandao;
    address coinbase;
    uint256 originNumber;
    bytes32 originHash;
    uint256 originTimestamp;
    uint256 originBaseFee;
    uint256 gasUsed;
    bytes32 transactionsAcc;
    bytes32 receiptsAcc;
    bytes32 recentHashes;
    bytes32 parentHash;
    bytes32 stateRoot;
    uint256 chainId;
    uint256 dataGasPerByte;
    uint256 transactionGasCap;
    uint256 flags;
    uint256 blobBaseFee;
}

/// @notice A block's header (protocol reference, section 2). Its hash is the block's.
struct Header {
    bytes32 parentHash;
    uint256 number;
    uint256 timestamp;
    bytes32 stateRoot;
    bytes32 transactionsAcc;
    bytes32 receiptsAcc;
    uint256 gasUsed;
    uint256 gasLimit;
    uint256 baseFee;
    bytes32 prevRandao;
    address coinbase;
    uint256 originNumber;
    bytes32 originHash;
    uint256 originTimestamp;
    uint256 originBaseFee;
    uint256 messagesConsumed;
    bytes32 recentHashes;
}

/// @notice Where in the inbox the machine is.
struct Cursor {
    uint256 batches;
    uint256 target;
    uint256 messages;
    uint256 messagesEnd;
    uint256 batchTime;
    bytes32 dataRoot;
    uint256 dataLength;
    uint256 position;
    uint256 listEnd;
    uint256 blockMessagesEnd;
}

/// @notice Aux of CHECK.
struct Check {
    uint256 items;
}

/// @notice Aux of SCAN.
struct Scan {
    uint256 wantedTime;
    uint256 limit;
    uint256 gas;
}

/// @notice Aux of WARM. The positions are bytes of the batch.
struct Warm {
    uint256 position;
    uint256 listEnd;
    uint256 entryEnd;
    address account;
    uint256 gas;
}

/// @notice Aux of CALL.
struct CallMessage {
    uint256 isStatic;
    address caller;
    address self;
    address codeAddress;
    uint256 value;
    uint256 transfers;
    uint256 gas;
    bytes32 inputRoot;
    uint256 inputOffset;
    uint256 inputLength;
    uint256 outputOffset;
    uint256 outputSize;
}

/// @notice Aux of CREATE. The code is the init code.
struct CreateMessage {
    address caller;
    uint256 value;
    uint256 gas;
    uint256 nonce;
    uint256 isCreate2;
    uint256 salt;
    bytes32 codeRoot;
    uint256 codeOffset;
    uint256 codeLength;
}

/// @notice Aux of COPY.
struct CopyJob {
    uint256 layout; // 0 words, 1 code chunks
    bytes32 root;
    uint256 offset;
    uint256 available;
    uint256 to;
    uint256 size;
}

/// @notice Aux of KECCAK: the sponge, four lanes to a word, and what the hash is for.
struct HashJob {
    uint256 lanes0;
    uint256 lanes1;
    uint256 lanes2;
    uint256 lanes3;
    uint256 lanes4;
    uint256 lanes5;
    uint256 lanes6;
    bytes32 root;
    uint256 offset;
    uint256 size;
    uint256 topics;
    uint256 topic0;
    uint256 topic1;
    uint256 topic2;
    uint256 topic3;
}

/// @notice Aux of PRECOMPILE.
struct Precompile {
    uint256 number;
}

/// @notice Aux of EXIT and DEPOSIT. Status 0 halted, 1 success, 2 reverted.
struct Exit {
    uint256 status;
    bytes32 outRoot;
    uint256 outOffset;
    uint256 outLength;
}

/// @notice Aux of END.
struct End {
    uint256 status;
    uint256 gasLeft;
}

/// @notice The account record, the value of the account tree's leaves (protocol reference, section 1).
struct Account {
    uint256 nonce;
    uint256 balance; // wei
    bytes32 codeHash;
    bytes32 codeRoot;
    uint256 codeSize;
    bytes32 storageRoot;
}

/// @notice What the next step is about.
library Mode {
    uint256 internal constant HALTED = 0;
    uint256 internal constant BATCH = 1;
    uint256 internal constant CHECK = 2;
    uint256 internal constant BLOCK = 3;
    uint256 internal constant SCAN = 4;
    uint256 internal constant ITEM = 5;
    uint256 internal constant WARM = 6;
    uint256 internal constant CALL = 7;
    uint256 internal constant CREATE = 8;
    uint256 internal constant EXEC = 9;
    uint256 internal constant COPY = 10;
    uint256 internal constant KECCAK = 11;
    uint256 internal constant PRECOMPILE = 12;
    uint256 internal constant EXIT = 13;
    uint256 internal constant DEPOSIT = 14;
    uint256 internal constant END = 15;
    uint256 internal constant SWEEP = 16;
}

/// @notice What an entry of the access set says.
library AccessTag {
    uint256 internal constant ADDRESS = 0;
    uint256 internal constant SLOT = 1;
    uint256 internal constant CREATED = 2;
}

/// @notice Bits of a block's flags.
library Flags {
    uint256 internal constant UNPROTECTED = 1;
    uint256 internal constant BURN_BASE_FEE = 2;
    uint256 internal constant CAPPED_PRECOMPILES = 4;
}

/// @notice How a frame ended.
library ExitStatus {
    uint256 internal constant HALTED = 0;
    uint256 internal constant SUCCESS = 1;
    uint256 internal constant REVERTED = 2;
}
