namespace Dumont.Cli;

/// <summary>What the process returns; documented by <c>dumont help exit-codes</c>. Scripts depend on these numbers.</summary>
internal enum ExitCode
{
    Ok = 0,

    /// <summary>The server refused for a business reason (400), or has a bug (500).</summary>
    Failure = 1,

    /// <summary>Wrong command line (or 422), or the user said no at a prompt.</summary>
    Usage = 2,

    /// <summary>What was named is not there. Also of <c>repo snapshot</c>, as of restic: kept, but for files that could not be read.</summary>
    NotFound = 3,

    /// <summary>401 or 403.</summary>
    Auth = 4,

    /// <summary>409 or 412.</summary>
    Conflict = 5,

    RateLimited = 6,

    /// <summary>Server, or the provider behind it, cannot be reached now (502, 503, 504, no connection).</summary>
    Unavailable = 7,

    /// <summary>Waited as long as <c>--timeout</c> allows.</summary>
    WaitTimeout = 8,

    /// <summary>Not enough balance, or a price limit was hit (402).</summary>
    Budget = 9,

    Interrupted = 130,
}
