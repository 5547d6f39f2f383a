namespace Dumont.Providers.Wire;

/// <summary>Repeats a read that failed at once, never one that may have cost money. Bounded three ways: tries per call, length of a wait,
/// and a budget over all calls, so that a provider that is down is not asked three times as often as one that is up.</summary>
internal sealed class ReadRetry(TimeProvider time, Random random)
{
    /// <summary>Tries per call, the first included.</summary>
    public const int TriesMax = 3;

    // A token bucket as in gRPC's retry throttling (A6): full it pays for ten retries, each good answer gives a tenth back,
    // so in the long run retries stay under a tenth of the calls.
    private const double BudgetMax = 10;
    private const double BudgetPerSuccess = 0.1;

    private static readonly TimeSpan FirstBackoff = TimeSpan.FromMilliseconds(200);

    private readonly Lock _lock = new();
    private double _budget = BudgetMax;

    /// <summary>Runs <paramref name="send"/> until it answers or a bound is met.</summary>
    /// <param name="send">One exchange.</param>
    /// <param name="rateLimitWait">How long to wait after a 429: no provider here sends <c>Retry-After</c> with it.</param>
    /// <param name="cancellationToken">The caller's.</param>
    public async Task<WireReply> RunAsync(
        Func<CancellationToken, Task<WireReply>> send, TimeSpan rateLimitWait, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var reply = await send(cancellationToken);
            var wait = WaitAfter(reply, attempt, rateLimitWait);
            if (wait is null)
            {
                Settle(reply);
                return reply;
            }

            if (attempt == TriesMax || !TrySpend())
            {
                return reply;
            }

            await Task.Delay(wait.Value, time, cancellationToken);
        }
    }

    // A timeout is not repeated: it has used the time of three quick tries, and the caller asks again anyway.
    private TimeSpan? WaitAfter(WireReply reply, int attempt, TimeSpan rateLimitWait) => reply switch
    {
        WireReply.Answer { Status: 429 } => rateLimitWait + Jitter(rateLimitWait / 2),
        WireReply.Answer { Status: >= 500 } or WireReply.Lost { Kind: LossKind.NotSent or LossKind.Broken } =>
            Jitter(FirstBackoff * Math.Pow(2, attempt)),
        _ => null,
    };

    private TimeSpan Jitter(TimeSpan most)
    {
        lock (_lock)
        {
            return most * random.NextDouble();
        }
    }

    private bool TrySpend()
    {
        lock (_lock)
        {
            if (_budget < 1)
            {
                return false;
            }

            _budget--;
            return true;
        }
    }

    private void Settle(WireReply reply)
    {
        if (reply is WireReply.Answer)
        {
            lock (_lock)
            {
                _budget = Math.Min(BudgetMax, _budget + BudgetPerSuccess);
            }
        }
    }
}
