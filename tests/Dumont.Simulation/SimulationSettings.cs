using System.Globalization;

namespace Dumont.Simulation;

/// <summary>What a person may say about a run of the simulation; the one place that reads it from the environment.</summary>
/// <param name="Seed">Replay this seed alone, with its trace: <c>DUMONT_SIMULATION_SEED</c>.</param>
/// <param name="IsHeavy">It is one of the heavy runs: <c>DUMONT_SIMULATION_HEAVY=1</c>.</param>
/// <param name="Count">Runs of the campaign: <c>DUMONT_SIMULATION_COUNT</c>.</param>
internal sealed record SimulationSettings(int? Seed, bool IsHeavy, int Count)
{
    // About a minute on two quiet cores.
    private const int DefaultCount = 10_000;

    /// <summary>Reads the environment.</summary>
    public static SimulationSettings Read()
    {
        var variables = Environment.GetEnvironmentVariables();
        return new SimulationSettings(Number("DUMONT_SIMULATION_SEED"), Number("DUMONT_SIMULATION_HEAVY") == 1, Number("DUMONT_SIMULATION_COUNT") ?? DefaultCount);

        int? Number(string name) => variables[name] is string text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
    }
}
