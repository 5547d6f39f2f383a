namespace Dumont.Server.Snapshots;

/// <summary>Puts the checks of repositories into the queue.</summary>
internal sealed class VerificationStartup(VerificationStore store) : IHostedService
{
    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken) => store.EnsureScheduledAsync(cancellationToken);

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
