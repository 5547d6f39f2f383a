using Dumont.Server.Machines;

namespace Dumont.Server.Tests.Spine;

/// <summary>Every machine lets us in, unless it is told not to.</summary>
internal sealed class ScriptedSsh : ISshClient
{
    /// <summary>Hosts whose sshd does not answer.</summary>
    public HashSet<string> Silent { get; } = [];

    /// <summary>Hosts on which the preparation fails.</summary>
    public HashSet<string> Broken { get; } = [];

    /// <summary>No host answers.</summary>
    public bool AllSilent { get; set; }

    /// <summary>Hosts that were prepared, in order.</summary>
    public List<string> Prepared { get; } = [];

    public Task<bool> AnswersAsync(SshEndpoint endpoint, CancellationToken cancellationToken) => Task.FromResult(Answers(endpoint));

    public Task<string?> ScanHostKeyAsync(SshEndpoint endpoint, CancellationToken cancellationToken) =>
        Task.FromResult(Answers(endpoint) ? $"ssh-ed25519 {endpoint.Host}" : null);

    public async Task RunAsync(
        SshEndpoint endpoint, IReadOnlyList<string> hostKeys, string command, Func<Stream, Task> input, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (!Answers(endpoint) || Broken.Contains(endpoint.Host))
        {
            throw new SshException($"ssh to {endpoint} ended with 255");
        }

        await input(Stream.Null);
        Prepared.Add(endpoint.Host);
    }

    private bool Answers(SshEndpoint endpoint) => !AllSilent && !Silent.Contains(endpoint.Host);
}
