namespace Dumont.Providers.Vast;

/// <summary>Endpoints that share one rate limit.</summary>
internal enum VastFamily
{
    /// <summary>Search for offers.</summary>
    Search,

    /// <summary>Rent.</summary>
    Create,

    /// <summary>List machines.</summary>
    List,

    /// <summary>Read one machine.</summary>
    Show,

    /// <summary>Start and stop.</summary>
    State,

    /// <summary>Give back.</summary>
    Destroy,

    /// <summary>Account's and machines' SSH keys.</summary>
    SshKeys,

    /// <summary>The account.</summary>
    User,
}

/// <summary>Spaces the calls of one account as Vast.ai asks (docs: rate limits and errors): its 429 names no delay, so the only way not to be
/// refused is not to be early. A caller waits for its turn, but never longer than <see cref="WaitMax"/>.</summary>
internal sealed class VastPace(TimeProvider time, bool enabled)
{
    /// <summary>Longest wait for a turn; a caller whose turn is later is refused at once.</summary>
    public static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(60);

    private readonly Lock _lock = new();
    private readonly Dictionary<VastFamily, DateTimeOffset> _free = [];

    /// <summary>Documented least interval between two calls.</summary>
    public static TimeSpan IntervalOf(VastFamily family) => family switch
    {
        VastFamily.Search => TimeSpan.FromSeconds(6), // 10 a minute
        VastFamily.Create => TimeSpan.FromSeconds(4.5),
        VastFamily.List => TimeSpan.FromSeconds(1),
        VastFamily.Show => TimeSpan.FromSeconds(2),
        VastFamily.State => TimeSpan.FromSeconds(1),
        VastFamily.Destroy => TimeSpan.FromSeconds(3),
        VastFamily.SshKeys => TimeSpan.FromSeconds(1),
        VastFamily.User => TimeSpan.FromSeconds(1),
    };

    /// <summary>Waits for this call's turn; false when that would take too long, and nothing was reserved.</summary>
    public async Task<bool> TryEnterAsync(VastFamily family, CancellationToken cancellationToken)
    {
        if (!enabled)
        {
            return true;
        }

        var wait = Reserve(family);
        if (wait > WaitMax)
        {
            return false;
        }

        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, time, cancellationToken);
        }

        return true;
    }

    // The generic cell rate algorithm: a family is free again one interval after its last turn, and may be up to its burst ahead.
    private TimeSpan Reserve(VastFamily family)
    {
        var interval = IntervalOf(family);
        var burst = family == VastFamily.Search ? 10 : 1;
        lock (_lock)
        {
            var now = time.GetUtcNow();
            var free = _free.GetValueOrDefault(family, now);
            free = free < now ? now : free;
            var wait = free - now - (interval * (burst - 1));
            if (wait <= WaitMax)
            {
                _free[family] = free + interval;
            }

            return wait;
        }
    }
}
