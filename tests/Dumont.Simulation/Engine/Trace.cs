using System.Globalization;

namespace Dumont.Simulation.Engine;

/// <summary>What happened, in order: the last lines for people, all of them in one number for comparing two runs.</summary>
internal sealed class Trace(Scheduler scheduler)
{
    private const int TailMax = 160;

    private readonly Queue<(TimeSpan At, string Line)> _tail = [];

    /// <summary>FNV-1a over every line and its instant.</summary>
    public ulong Hash { get; private set; } = 14695981039346656037;

    /// <summary>Adds a line.</summary>
    public void Note(string line)
    {
        Mix((ulong)scheduler.Elapsed.Ticks);
        foreach (var letter in line)
        {
            Mix(letter);
        }

        _tail.Enqueue((scheduler.Elapsed, line));
        if (_tail.Count > TailMax)
        {
            _tail.Dequeue();
        }
    }

    /// <summary>The last lines.</summary>
    public string Tail() =>
        string.Join('\n', _tail.Select(entry => string.Create(CultureInfo.InvariantCulture, $"{entry.At.TotalSeconds,9:0.000}  {entry.Line}")));

    private void Mix(ulong value) => Hash = (Hash ^ value) * 1099511628211;
}
