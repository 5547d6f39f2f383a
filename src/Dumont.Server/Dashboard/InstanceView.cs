using Dumont.Contracts;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Dashboard;

/// <summary>What the page of one instance begins with.</summary>
internal sealed record InstanceContent(InstanceModel Model, IReadOnlyList<LiveFragment> Parts)
    : LiveContent(Parts, null, new HashSet<InstanceId> { Model.Instance.Id });

/// <summary>One instance: state, standby, metrics, failover, events.</summary>
internal sealed class InstanceView(IServiceProvider services, InstanceReader reader) : ILiveView
{
    /// <summary>Name of the view.</summary>
    public const string ViewName = "instance";

    /// <inheritdoc />
    public string Name => ViewName;

    /// <summary>Agents report every second; a figure two seconds old is fresh enough to look at.</summary>
    public TimeSpan Interval { get; } = TimeSpan.FromSeconds(2);

    /// <inheritdoc />
    public async Task<LiveContent?> RenderAsync(LiveKey key, CancellationToken cancellationToken)
    {
        if (!InstanceId.TryParse(key.Argument, null, out var id) || await reader.FindAsync(key.UserId, id, key.Ui, cancellationToken) is not { } model)
        {
            return null;
        }

        return await Page.FragmentsAsync(services, key.Ui, async render => new InstanceContent(
            model,
            [
                new("instance-head", await render.RenderAsync<InstanceHead>(("Model", model))),
                new("instance-facts", await render.RenderAsync<InstanceFacts>(("Model", model))),
                new("instance-standby", await render.RenderAsync<InstanceStandbyPanel>(("Model", model))),
                new("instance-metrics", await render.RenderAsync<InstanceMetrics>(("Model", model))),
                new("instance-failover", await render.RenderAsync<InstanceFailover>(("Model", model))),
                new("instance-events", await render.RenderAsync<EventList>(("Id", "instance-events"), ("Events", model.Events))),
            ]));
    }
}
