using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Snapshots;

/// <summary>The user's snapshots, with how far those on their way are.</summary>
internal sealed class SnapshotsView(IServiceProvider services, SnapshotViews views) : ILiveView
{
    /// <summary>Name of the view.</summary>
    public const string ViewName = "snapshots";

    private const int Shown = 200;

    /// <inheritdoc />
    public string Name => ViewName;

    /// <inheritdoc />
    public TimeSpan Interval { get; } = TimeSpan.FromSeconds(2);

    /// <inheritdoc />
    public async Task<LiveContent?> RenderAsync(LiveKey key, CancellationToken cancellationToken)
    {
        var snapshots = (await views.ListAsync(key.UserId, null, null, 0, Shown, cancellationToken)).Snapshots;
        return await Page.FragmentsAsync(services, key.Ui, async render => new LiveContent(
            [new(ViewName, await render.RenderAsync<SnapshotList>(("Snapshots", snapshots)))],
            null,
            snapshots.Select(snapshot => snapshot.InstanceId).ToHashSet()));
    }
}
