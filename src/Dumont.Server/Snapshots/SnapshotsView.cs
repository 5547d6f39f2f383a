using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Snapshots;

/// <summary>The user's snapshots, with how far those on their way are.</summary>
internal sealed class SnapshotsView(IServiceProvider services, SnapshotViews views, VerificationViews verifications) : ILiveView
{
    /// <summary>Name of the view.</summary>
    public const string ViewName = "snapshots";

    /// <summary>Fragment that tells what the checks have found.</summary>
    public const string VerificationName = "verification";

    private const int Shown = 200;

    /// <inheritdoc />
    public string Name => ViewName;

    /// <inheritdoc />
    public TimeSpan Interval { get; } = TimeSpan.FromSeconds(2);

    /// <inheritdoc />
    public async Task<LiveContent?> RenderAsync(LiveKey key, CancellationToken cancellationToken)
    {
        var snapshots = (await views.ListAsync(key.UserId, null, null, 0, Shown, cancellationToken)).Snapshots;
        var verification = await verifications.ListAsync(key.UserId, cancellationToken);
        return await Page.FragmentsAsync(services, key.Ui, async render => new LiveContent(
            [
                new(ViewName, await render.RenderAsync<SnapshotList>(("Snapshots", snapshots))),
                new(VerificationName, await render.RenderAsync<VerificationList>(("Found", verification))),
            ],
            null,
            snapshots.Select(snapshot => snapshot.InstanceId).ToHashSet()));
    }
}
