namespace Dumont.Agent;

/// <summary>Growing, jittered pauses between tries, so that machines that lost the same server do not all come back in one instant.</summary>
internal sealed class Backoff(TimeSpan minimum, TimeSpan maximum, Random random, TimeProvider time)
{
    private int _failures;

    /// <summary>The last try worked: start over.</summary>
    public void Reset() => _failures = 0;

    /// <summary>Waits between half of the present pause and all of it; the next one is twice as long.</summary>
    public async Task PauseAsync(CancellationToken cancellationToken)
    {
        var pause = minimum * Math.Pow(2, _failures);
        if (pause < maximum)
        {
            _failures++;
        }
        else
        {
            pause = maximum;
        }

        await Task.Delay(pause * (0.5 + (random.NextDouble() / 2)), time, cancellationToken);
    }
}
