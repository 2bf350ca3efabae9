// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title IDepositCollector
/// @notice One way in which a payer's tokens come into a channel: the public interface of x402's deposit collectors.
interface IDepositCollector {
    /// @notice Moves exactly `amount` of a token from the payer to the sender. Only what the payer has agreed to.
    /// @param amount The token's units.
    /// @param channelId What they are for: the payer's consent must name it.
    /// @param collectorData That consent, as the collector wants it.
    function collect(address payer, address token, uint256 amount, bytes32 channelId, bytes calldata collectorData)
        external;
}
