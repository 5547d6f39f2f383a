using Dumont.Simulation.Engine;

namespace Dumont.Simulation.Faults;

/// <summary>The kill points of one run: which it waits for, and which it has struck at.</summary>
internal sealed class KillSwitch(Trace trace)
{
    private readonly List<(KillPoint Point, int Passes)> _armed = [];

    public List<KillPoint> Struck { get; } = [];

    /// <summary>Kills at the pass after <paramref name="passes"/> passes of <paramref name="point"/>.</summary>
    public void Arm(KillPoint point, int passes) => _armed.Add((point, passes));

    public void Disarm() => _armed.Clear();

    /// <summary>Whether the server dies here.</summary>
    public bool Strikes(Seam seam, string step)
    {
        for (var i = 0; i < _armed.Count; i++)
        {
            var (point, passes) = _armed[i];
            if (point.Seam != seam || point.Step != step)
            {
                continue;
            }

            if (passes > 0)
            {
                _armed[i] = (point, passes - 1);
                continue;
            }

            _armed.RemoveAt(i);
            Struck.Add(point);
            trace.Note($"nemesis: the server is killed at {point}");
            return true;
        }

        return false;
    }
}
