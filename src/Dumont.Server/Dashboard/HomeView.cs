using Dumont.Server.Instances;
using Dumont.Server.Platform.Events;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;
using Dumont.Server.Standby;

namespace Dumont.Server.Dashboard;

/// <summary>Home: what runs, what it costs now, what needs a look, what happened.</summary>
internal sealed class HomeView(IServiceProvider services, InstanceViews instances, StandbyViews standbys, EventStore events) : ILiveView
{
    /// <summary>Name of the view.</summary>
    public const string ViewName = "home";

    private const int EventsShown = 12;

    /// <inheritdoc />
    public string Name => ViewName;

    /// <inheritdoc />
    public TimeSpan Interval { get; } = TimeSpan.FromSeconds(5);

    /// <inheritdoc />
    public async Task<LiveContent?> RenderAsync(LiveKey key, CancellationToken cancellationToken)
    {
        var all = await instances.ListAsync(key.UserId, null, cancellationToken);
        var pairs = await standbys.ListAsync(key.UserId, cancellationToken);
        var recent = (await events.ListAsync(key.UserId, null, 0, EventsShown, cancellationToken)).Select(each => EventTexts.ToResponse(key.Ui, each)).ToList();
        return await Page.FragmentsAsync(services, key.Ui, async render => new LiveContent(
            [
                new("home-stats", await render.RenderAsync<HomeStats>(("Instances", all), ("Pairs", pairs))),
                new("home-attention", await render.RenderAsync<HomeAttention>(("Instances", all), ("Pairs", pairs))),
                new("home-instances", await render.RenderAsync<HomeInstances>(("Instances", all))),
                new("home-events", await render.RenderAsync<EventList>(
                    ("Id", "home-events"), ("Events", recent), ("Labels", all.ToDictionary(instance => instance.Id, instance => instance.Label)))),
            ],
            null,
            all.Select(instance => instance.Id).ToHashSet()));
    }
}
