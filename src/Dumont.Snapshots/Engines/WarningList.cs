namespace Dumont.Snapshots.Engines;

/// <summary>Warnings of one call, within <see cref="EngineLimits"/>.</summary>
internal sealed class WarningList
{
    private readonly List<string> _kept = [];
    private long _more;

    /// <summary>Adds one; what is too much is counted.</summary>
    public void Add(string warning)
    {
        if (_kept.Count < EngineLimits.WarningsMax - 1)
        {
            _kept.Add(warning.Length <= EngineLimits.WarningLengthMax ? warning : warning[..EngineLimits.WarningLengthMax]);
        }
        else
        {
            _more++;
        }
    }

    /// <summary>All of them.</summary>
    public IReadOnlyList<string> ToList() => _more == 0 ? [.. _kept] : [.. _kept, $"and {_more} more"];
}
