namespace Dumont.Snapshots;

/// <summary>Stored bytes that are not what the format allows: damaged, cut short, or written by something else.</summary>
/// <param name="message">What was found and what should have been there.</param>
public sealed class SnapshotFormatException(string message) : IOException(message);
