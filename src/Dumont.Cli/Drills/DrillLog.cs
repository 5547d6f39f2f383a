using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Cli.Output;

namespace Dumont.Cli.Drills;

internal enum DrillLevel
{
    Info,
    Sync,
    Health,
    Error,
    Success,
    Phase,
    Metric,
}

/// <summary>The parts of a drill, in their order.</summary>
internal enum DrillPhase
{
    Setup = 1,
    Operation,
    Failure,
    Detection,
    Failover,
    Recovery,
    Recovered,
}

/// <summary>What was observed, line by line: <c>[T000.50s] [INFO   ] text</c>. Every line is written when the thing is seen, and counted from the begin.</summary>
internal sealed class DrillLog(TextWriter? live, Style style, Language language, TimeProvider time)
{
    private const int Width = 90;

    private readonly long _started = time.GetTimestamp();
    private readonly Lock _lock = new();
    private readonly List<JsonNode?> _events = [];
    private readonly Dictionary<DrillPhase, TimeSpan> _began = [];
    private TimeSpan? _ended;

    public TimeSpan Elapsed => time.GetElapsedTime(_started);

    /// <summary>Every line so far, for machines to read.</summary>
    public JsonArray Events
    {
        get
        {
            lock (_lock)
            {
                return [.. _events.Select(one => one?.DeepClone())];
            }
        }
    }

    public static Text NameOf(DrillPhase phase) => phase switch
    {
        DrillPhase.Setup => new("Initial setup", "Setup inicial"),
        DrillPhase.Operation => new("Normal operation", "Operação normal"),
        DrillPhase.Failure => new("GPU failure", "Falha da GPU"),
        DrillPhase.Detection => new("Detection", "Detecção"),
        DrillPhase.Failover => new("Failover", "Failover"),
        DrillPhase.Recovery => new("Auto-recovery", "Auto-recovery"),
        DrillPhase.Recovered => new("Recovered", "Recuperado"),
    };

    public void Write(DrillLevel level, Text text)
    {
        lock (_lock)
        {
            var line = TerminalText.Line(text.In(language));
            var word = level.ToString().ToUpperInvariant();
            var at = Elapsed.TotalSeconds;
            _events.Add(new JsonObject { ["at_seconds"] = Math.Round(at, 3), ["level"] = word, ["text"] = line });
            WriteLive(style.Level(level, string.Create(CultureInfo.InvariantCulture, $"[T{at:000.00}s] [{word,-7}] {line}")));
        }
    }

    /// <summary>A part begins, and with it the one before ends.</summary>
    public void Begin(DrillPhase phase)
    {
        lock (_lock)
        {
            _began[phase] = Elapsed;
            Headline(string.Create(CultureInfo.InvariantCulture, $"{new Text("PHASE", "FASE").In(language)} {(int)phase}: {NameOf(phase).In(language).ToUpperInvariant()}"));
        }
    }

    /// <summary>The last part ends.</summary>
    public void End() => _ended = Elapsed;

    /// <summary>How long each part took that has begun.</summary>
    public IReadOnlyList<(DrillPhase Phase, TimeSpan Duration)> Durations()
    {
        lock (_lock)
        {
            var phases = _began.OrderBy(began => began.Key).ToList();
            return [.. phases.Select((began, i) => (began.Key, (i + 1 < phases.Count ? phases[i + 1].Value : _ended ?? Elapsed) - began.Value))];
        }
    }

    /// <summary>A title between two rules.</summary>
    public void Headline(string title)
    {
        var rule = new string('=', Width);
        WriteLive($"\n{rule}\n{new string(' ', Math.Max(0, (Width - title.Length) / 2))}{title}\n{rule}\n");
    }

    private void WriteLive(string text)
    {
        live?.WriteLine(text);
        live?.Flush();
    }
}
