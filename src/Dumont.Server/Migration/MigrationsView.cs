using Dumont.Contracts;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Migration;

/// <summary>The moves of one instance, with how far the one on its way is.</summary>
internal sealed class MigrationsView(IServiceProvider services, MigrationViews views) : ILiveView
{
    /// <summary>Name of the view, and of its fragment.</summary>
    public const string ViewName = "migrations";

    /// <inheritdoc />
    public string Name => ViewName;

    /// <inheritdoc />
    public TimeSpan Interval { get; } = TimeSpan.FromSeconds(2);

    /// <inheritdoc />
    public async Task<LiveContent?> RenderAsync(LiveKey key, CancellationToken cancellationToken)
    {
        if (!InstanceId.TryParse(key.Argument, null, out var id))
        {
            return null;
        }

        var migrations = await views.ListAsync(key.UserId, id, cancellationToken);
        return await Page.FragmentsAsync(services, key.Ui, async render => new LiveContent(
            [new(ViewName, await render.RenderAsync<MigrationList>(("Migrations", migrations)))], null, new HashSet<InstanceId> { id }));
    }
}
