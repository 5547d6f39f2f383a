using System.Text;

namespace Dumont.LocalCloud.Market;

/// <summary>How prices wander: a pure function of the seed, the host and the age of the market.</summary>
/// <remarks>
/// The logarithm of a price is pulled back to its mean by 5 % every ten minutes and pushed by a fresh random step, an autoregressive
/// process; steps are drawn by a hash of (seed, series, number), so any moment can be reckoned without those before it. A market
/// starts at the generator's prices. Deviations are clamped, so prices stay within stated bounds for ever.
/// </remarks>
internal sealed class PriceProcess(int seed)
{
    /// <summary>Prices hold for this long.</summary>
    public static readonly TimeSpan Step = TimeSpan.FromMinutes(10);

    /// <summary>Highest on-demand price as a multiple of the generator's; its inverse is the lowest.</summary>
    public const double PriceFactorMax = 1.45;

    /// <summary>Highest lowest bid as a part of the on-demand price of the moment.</summary>
    public const double BidFractionMax = 0.95;

    /// <summary>Highest lowest bid as a multiple of the generator's part of the price; its inverse is the lowest.</summary>
    public const double BidFactorMax = 1.7;

    private const double Memory = 0.95;
    // What is older weighs less than a thousandth.
    private const int StepsRemembered = 140;
    private const double ModelSize = 0.035;
    private const double HostSize = 0.05;
    private const double BidSize = 0.09;

    /// <summary>Number of the step that holds at this age.</summary>
    public static long StepAt(TimeSpan age) => age <= TimeSpan.Zero ? 0 : age.Ticks / Step.Ticks;

    /// <summary>The host with the prices of a step.</summary>
    public MarketHost At(MarketHost host, long step)
    {
        // Half of what moves a price moves all hosts with this GPU.
        var deviation = (ModelSize * Deviation($"model/{host.Gpu.Name}", step)) + (HostSize * Deviation($"host/{host.MachineId}", step));
        var price = host.MicroUsdPerGpuHour * Math.Exp(Clamp(deviation, PriceFactorMax));
        var bid = host.MinBidFraction * Math.Exp(Clamp(BidSize * Deviation($"bid/{host.MachineId}", step), BidFactorMax));
        return step == 0 ? host : host with
        {
            MicroUsdPerGpuHour = Math.Max(1_000, (long)Math.Round(price / 1_000) * 1_000),
            MinBidFraction = Math.Min(bid, BidFractionMax),
        };
    }

    private static double Clamp(double logarithm, double factorMax) => Math.Clamp(logarithm, -Math.Log(factorMax), Math.Log(factorMax));

    private double Deviation(string series, long step)
    {
        var hash = Hash(series);
        double sum = 0, weight = 1;
        for (var age = 0; age < StepsRemembered && step - age > 0; age++, weight *= Memory)
        {
            sum += weight * Push(hash, step - age);
        }

        return sum;
    }

    // Between -1 and 1.
    private static double Push(ulong series, long step) => ((Mix(series + ((ulong)step * 0x9E3779B97F4A7C15)) >> 11) / (double)(1UL << 52)) - 1;

    private ulong Hash(string series) =>
        Encoding.UTF8.GetBytes(series).Aggregate(Mix((ulong)seed + 0x632BE59BD9B4E019), (hash, letter) => Mix(hash ^ letter));

    // SplitMix64's finalizer (Steele, Lea and Flood 2014): every bit of the input moves half the bits of the output.
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
