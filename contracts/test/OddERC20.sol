// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title OddERC20
/// @notice Test only: an ERC-20 token with each of the oddities found in the wild, to be switched on.
contract OddERC20 {
    enum Answer {
        Text,
        Bytes32,
        Missing,
        Bomb,
        WrongOffset,
        LyingLength,
        Long,
        Short
    }

    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;
    uint256 public feePercent;
    bool public returnsNothing;
    bool public returnsFalse;
    Answer public answer;
    address public hookTarget;
    bytes public hookData;

    function configure(uint256 feePercent_, bool returnsNothing_, bool returnsFalse_, Answer answer_) external {
        feePercent = feePercent_;
        returnsNothing = returnsNothing_;
        returnsFalse = returnsFalse_;
        answer = answer_;
    }

    function setHook(address target, bytes calldata data) external {
        hookTarget = target;
        hookData = data;
    }

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
    }

    function name() external view {
        _answer("Odd token");
    }

    function symbol() external view {
        _answer("ODD");
    }

    function decimals() external view returns (uint256) {
        if (answer == Answer.Missing) revert();
        if (answer == Answer.LyingLength) return 256;
        return 6;
    }

    function _move(address from, address to, uint256 amount) private {
        if (hookTarget != address(0)) {
            (bool success, bytes memory result) = hookTarget.call(hookData);
            if (!success) {
                assembly ("memory-safe") {
                    revert(add(result, 0x20), mload(result))
                }
            }
        }
        balanceOf[from] -= amount;
        balanceOf[to] += amount - amount * feePercent / 100;
        bool nothing = returnsNothing;
        bool result_ = !returnsFalse;
        assembly ("memory-safe") {
            if nothing { return(0, 0) }
            mstore(0, result_)
            return(0, 0x20)
        }
    }

    function _answer(string memory text) private view {
        Answer kind = answer;
        if (kind == Answer.Missing) revert();
        if (kind == Answer.Long) text = string.concat(text, "0123456789012345678901234567890123456789012345678901234567890123456789");
        bytes memory result = abi.encode(text);
        if (kind == Answer.Bytes32) result = abi.encode(bytes32(bytes(text)));
        if (kind == Answer.WrongOffset) result = abi.encode(uint256(64), uint256(1), uint256(1));
        if (kind == Answer.LyingLength) result = abi.encode(uint256(32), uint256(1000));
        if (kind == Answer.Short) result = hex"1234";
        uint256 size = kind == Answer.Bomb ? 100_000 : result.length;
        assembly ("memory-safe") {
            return(add(result, 0x20), size)
        }
    }
}
