using System.Collections.Concurrent;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Web.Live;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Dashboard;

/// <summary>All instances, or those in one state.</summary>
internal sealed class InstancesView(IServiceProvider services, InstanceViews instances) : ILiveView
{
    /// <summary>Name of the view.</summary>
    public const string ViewName = "instances";

    private const int RememberedMax = 20_000;

    // A row is a pure function of what it shows, so one that shows the same is not rendered again: most of a thousand stay as they were.
    private readonly ConcurrentDictionary<(string Language, RowContent Content), string> _rows = new();

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
                var content = RowContent.Of(instance);
                if (!_rows.TryGetValue((key.Language, content), out var html))
                {
                    html = await render.RenderAsync<InstanceRow>(("Row", content));
                    Remember(key.Language, content, html);
                }

                rows.Add(new LiveFragment($"instance-{instance.Id}", html));
            }

            return new LiveContent(
                [new("instances-summary", await render.RenderAsync<InstancesSummary>(("Instances", all), ("Filter", key.Argument), ("Shown", shown.Count)))],
                new LiveList("instance-rows", rows),
                all.Select(instance => instance.Id).ToHashSet());
        });
    }

    private void Remember(string language, RowContent content, string html)
    {
        if (_rows.Count >= RememberedMax)
        {
            _rows.Clear();
        }

        _rows[(language, content)] = html;
    }
}

/// <summary>What the row of an instance shows, and nothing else.</summary>
/// <param name="Id">Of the instance.</param>
/// <param name="Label">Its name.</param>
/// <param name="Status">The API's word.</param>
/// <param name="Gpus">How many, and which.</param>
/// <param name="GpuRam">GB a GPU.</param>
/// <param name="LoadPercent">Whole percent; null where unknown.</param>
/// <param name="Standby">State of the pair; null without one.</param>
/// <param name="Location">Where the machine is.</param>
/// <param name="UsdPerHour">Paid now.</param>
/// <param name="CreatedAt">When it was asked for.</param>
public sealed record RowContent(
    InstanceId Id,
    string Label,
    string Status,
    string Gpus,
    double GpuRam,
    int? LoadPercent,
    string? Standby,
    string? Location,
    decimal UsdPerHour,
    DateTimeOffset CreatedAt)
{
    internal static RowContent Of(InstanceResponse instance) => new(
        instance.Id,
        instance.Label,
        instance.Status,
        $"{instance.NumGpus} × {instance.GpuName}",
        instance.GpuRam,
        instance.GpuUtil is { } load ? (int)Math.Round(load) : null,
        instance.CpuStandby?.State,
        instance.Geolocation,
        Costs.RunningUsdPerHour(instance),
        instance.CreatedAt);
}
