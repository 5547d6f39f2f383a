namespace Dumont.Dev;

/// <summary>Ends the verb with one clear line.</summary>
internal sealed class DevException(string message) : Exception(message);
