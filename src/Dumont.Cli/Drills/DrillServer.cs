using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;
using Dumont.Cli.Output;
using Dumont.Contracts;

namespace Dumont.Cli.Drills;

/// <summary>What the server says about the instance of a drill.</summary>
internal sealed class DrillServer(CommandContext context, string instanceId)
{
    public Task<JsonNode?> GetAsync(string path, CancellationToken cancellationToken) =>
        context.Session.SendAsync(ApiMethod.Get, path, null, cancellationToken);

    /// <summary>The instance and its standby.</summary>
    /// <exception cref="CliException">It has none.</exception>
    public async Task<JsonNode?> PairAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await GetAsync($"/api/v1/standby/associations/{instanceId}", cancellationToken);
        }
        catch (DumontApiException e) when (e.Status == System.Net.HttpStatusCode.NotFound)
        {
            throw new CliException(
                ExitCode.Conflict,
                new($"instance {instanceId} has no standby, so there is nothing to switch to", $"a instância {instanceId} não tem reserva, não há para onde trocar"),
                new($"give it one: dumont standby provision {instanceId}", $"dê-lhe uma: dumont standby provision {instanceId}"));
        }
    }

    /// <summary>How often the standby has reached the state of the writer.</summary>
    public async Task<long> RoundsAsync(CancellationToken cancellationToken) =>
        (long)(CellFormat.NumberOf(CellFormat.Field(await PairAsync(cancellationToken), "sync_count")) ?? 0);

    public static string Word(JsonNode? node, string field) => CellFormat.Field(node, field)?.ToString() ?? "?";

    public static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.00} s");
}
