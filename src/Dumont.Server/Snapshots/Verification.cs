using Dumont.Snapshots.Engines;

namespace Dumont.Server.Snapshots;

/// <summary>What the checks of one repository have found, and how far they are. The data is divided into parts, and each check reads the next one, so that
/// a round of all of them has read everything once.</summary>
internal sealed record Verification
{
    /// <summary>Into how many parts the present round divides the data; 0 before the first.</summary>
    public int Parts { get; init; }

    /// <summary>Parts that the present round has read.</summary>
    public int PartsDone { get; init; }

    /// <summary>The turn in which the present round began; all later turns are whole intervals from it.</summary>
    public DateTimeOffset? RoundStartedAt { get; init; }

    /// <summary>What the present round has read.</summary>
    public long BytesRead { get; init; }

    /// <summary>When everything had been read once, the last time.</summary>
    public DateTimeOffset? AllReadAt { get; init; }

    /// <summary>The last check that came to an end, whoever asked for it.</summary>
    public DateTimeOffset? CheckedAt { get; init; }

    /// <summary>When the next one comes by itself; null before the first.</summary>
    public DateTimeOffset? NextAt { get; init; }

    /// <summary>What is damaged; empty when nothing is known to be.</summary>
    public IReadOnlyList<string> Damage { get; init; } = [];

    /// <summary>When damage was found first.</summary>
    public DateTimeOffset? DamagedSince { get; init; }

    /// <summary>The engine's ids of the snapshots that cannot be restored whole; null when it cannot tell. Null is left out of the document, so it must be
    /// what a document without them means.</summary>
    public IReadOnlyList<string>? DamagedSnapshots { get; init; }

    /// <summary>Read again by every check, until they are whole or gone.</summary>
    public IReadOnlyList<string> DamagedPacks { get; init; } = [];

    /// <summary>The same, where the engine names no packs.</summary>
    public IReadOnlyList<VerifyPart> DamagedParts { get; init; } = [];

    /// <summary>Why the last check came to nothing; null when it did not.</summary>
    public string? Error { get; init; }
}
