namespace Dumont.Contracts;

/// <summary>How often every byte of the user's repositories is read.</summary>
public sealed record VerificationRequest
{
    /// <summary>In so many days, 0 to 180; 0: nothing is checked by itself.</summary>
    public int? Days { get; init; }
}

/// <summary>What the checks of the user's repositories have found. Once a day the structure of each is checked, and the next part of its data is read.</summary>
/// <param name="Days">In so many days every byte is read once; 0: nothing is checked by itself.</param>
/// <param name="Repositories">Those that have been made.</param>
/// <param name="Count">How many.</param>
public sealed record VerificationResponse(int Days, IReadOnlyList<RepositoryVerification> Repositories, int Count);

/// <summary>What the checks of one repository have found.</summary>
public sealed record RepositoryVerification
{
    /// <summary>Number of the repository.</summary>
    public required long RepositoryId { get; init; }

    /// <summary><c>dumont</c> or <c>restic</c>.</summary>
    public required string Engine { get; init; }

    /// <summary><c>local</c>, or address, bucket and prefix.</summary>
    public required string Location { get; init; }

    /// <summary><c>unchecked</c>, <c>sound</c> or <c>damaged</c>.</summary>
    public required string Status { get; init; }

    /// <summary>When the last check came to an end.</summary>
    public required DateTimeOffset? LastVerifiedAt { get; init; }

    /// <summary>When the next one comes by itself; null when none does: checks are off, or no snapshot is in it.</summary>
    public required DateTimeOffset? NextAt { get; init; }

    /// <summary>Part of the data that the present round has read, 0 to 1.</summary>
    public required double ShareRead { get; init; }

    /// <summary>When the present round began.</summary>
    public required DateTimeOffset? RoundStartedAt { get; init; }

    /// <summary>Bytes that the present round has read; 0 where the engine does not say.</summary>
    public required long BytesRead { get; init; }

    /// <summary>When every byte had been read, the last time.</summary>
    public required DateTimeOffset? AllReadAt { get; init; }

    /// <summary>What is damaged, a sentence each; empty when nothing is known to be.</summary>
    public required IReadOnlyList<string> Damage { get; init; }

    /// <summary>When damage was found first.</summary>
    public required DateTimeOffset? DamagedSince { get; init; }

    /// <summary>Snapshots that cannot be restored whole; null when the engine cannot tell.</summary>
    public required IReadOnlyList<AffectedSnapshot>? AffectedSnapshots { get; init; }

    /// <summary>Their ids alone.</summary>
    public IReadOnlyList<string>? AffectedIds => AffectedSnapshots?.Select(each => each.Id).ToList();

    /// <summary>What to do about the damage; null without any.</summary>
    public required string? Remedy { get; init; }

    /// <summary>Why the last check came to nothing; null when it did not.</summary>
    public required string? Error { get; init; }

    /// <summary>The check under way; null when there is none.</summary>
    public required long? OperationId { get; init; }
}

/// <summary>A snapshot that cannot be restored whole.</summary>
/// <param name="Id">For instance <c>snap-12</c>.</param>
/// <param name="Name">Its name.</param>
public sealed record AffectedSnapshot(string Id, string Name);
