namespace Dumont.Server.Machines;

/// <summary>The way into machines. A seam: the real one is <see cref="SshClient"/>; tests that turn the clock have one without processes and sockets.</summary>
internal interface ISshClient
{
    /// <summary>Whether an SSH server greets at <paramref name="endpoint"/>.</summary>
    Task<bool> AnswersAsync(SshEndpoint endpoint, CancellationToken cancellationToken);

    /// <summary>The Ed25519 host key that a machine shows at first contact, or null when it shows none.</summary>
    Task<string?> ScanHostKeyAsync(SshEndpoint endpoint, CancellationToken cancellationToken);

    /// <summary>Runs <paramref name="command"/> as root with <paramref name="input"/> on its standard input.</summary>
    /// <param name="endpoint">Where.</param>
    /// <param name="hostKeys">Keys any one of which the machine must show.</param>
    /// <param name="command">A constant of ours.</param>
    /// <param name="input">Content for standard input.</param>
    /// <param name="timeout">After which the connection is cut.</param>
    /// <param name="cancellationToken">Cuts it earlier.</param>
    /// <exception cref="SshException">The machine could not be reached, showed another key, or the command failed.</exception>
    Task RunAsync(
        SshEndpoint endpoint, IReadOnlyList<string> hostKeys, string command, Func<Stream, Task> input, TimeSpan timeout, CancellationToken cancellationToken);
}
