using Dumont.Server.Instances;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Dashboard;

/// <summary>All instances, or those in one state.</summary>
internal sealed class InstancesView(IServiceProvider services, InstanceViews instances) : ILiveView
{
    /// <summary>Name of the view.</summary>
    public const string ViewName = "instances";

    /// <summary>States that the list can be narrowed to; empty for all.</summary>
    public static readonly IReadOnlyList<string?> Filters = ["running", "creating", "paused", "error"];

    /// <inheritdoc />
    public string Name => ViewName;

    /// <inheritdoc />
    public TimeSpan Interval { get; } = TimeSpan.FromSeconds(5);

    /// <inheritdoc />
    public async Task<LiveContent?> RenderAsync(LiveKey key, CancellationToken cancellationToken)
    {
        var all = await instances.ListAsync(key.UserId, null, cancellationToken);
        var shown = key.Argument.Length == 0 ? all : [.. all.Where(instance => instance.Status == key.Argument)];
        return await Page.FragmentsAsync(services, key.Ui, async render =>
        {
            var rows = new List<LiveFragment>(shown.Count);
            foreach (var instance in shown)
            {
                rows.Add(new LiveFragment($"instance-{instance.Id}", await render.RenderAsync<InstanceRow>(("Instance", instance))));
            }

            return new LiveContent(
                [new("instances-summary", await render.RenderAsync<InstancesSummary>(("Instances", all), ("Filter", key.Argument), ("Shown", shown.Count)))],
                new LiveList("instance-rows", rows),
                all.Select(instance => instance.Id).ToHashSet());
        });
    }
}
