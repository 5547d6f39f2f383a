using Dumont.Cli.Drills;
using Dumont.Cli.Grammar;

namespace Dumont.Cli.Output;

/// <summary>Colours, where they are wanted: on a terminal, unless the environment or a flag says otherwise.</summary>
internal sealed class Style(bool enabled)
{
    public bool Enabled { get; } = enabled;

    public static Style For(CliEnvironment environment, GlobalOptions options, bool isTerminal)
    {
        var variables = environment.Variables;
        var auto = isTerminal
            && string.IsNullOrEmpty(variables.GetValueOrDefault("NO_COLOR"))
            && variables.GetValueOrDefault("CLICOLOR") != "0"
            && variables.GetValueOrDefault("TERM") is { Length: > 0 } and not "dumb";
        return new Style(options.Color ?? auto);
    }

    public string Bold(string text) => Wrap("1", text);

    public string Faint(string text) => Wrap("2", text);

    public string Red(string text) => Wrap("31", text);

    public string Green(string text) => Wrap("32", text);

    public string Yellow(string text) => Wrap("33", text);

    /// <summary>Green: works. Yellow: on its way. Red: broken. Faint: at rest.</summary>
    public string State(string state, string shown) => state.ToLowerInvariant() switch
    {
        "running" or "healthy" or "ready" or "ok" or "active" or "complete" or "completed" or "syncing" or "live" or "online" => Green(shown),
        "error" or "failed" or "unhealthy" or "lost" or "terminated" or "gpu_lost" or "offline" => Red(shown),
        "paused" or "stopped" or "hibernated" or "disabled" or "idle" or "exited" => Faint(shown),
        "" or "-" => shown,
        _ => Yellow(shown),
    };

    /// <summary>A whole line of a drill, by what kind of line it is.</summary>
    public string Level(DrillLevel level, string line) => Wrap(
        level switch
        {
            DrillLevel.Info => "94",
            DrillLevel.Sync or DrillLevel.Success => "92",
            DrillLevel.Health => "93",
            DrillLevel.Error => "91",
            DrillLevel.Phase => "95",
            DrillLevel.Metric => "96",
        },
        line);

    private string Wrap(string code, string text) => Enabled ? $"\u001b[{code}m{text}\u001b[0m" : text;
}
