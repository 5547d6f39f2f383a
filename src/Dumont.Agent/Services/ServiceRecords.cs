using System.Text.Json;
using System.Text.Json.Serialization;
using Dumont.Contracts;
using Dumont.Snapshots;

namespace Dumont.Agent.Services;

/// <summary>What is known of the last hook.</summary>
/// <param name="Hook">As it was ordered.</param>
/// <param name="StartedAt">When it was begun.</param>
/// <param name="Process">Its process; null until there is one, and when none could be started.</param>
/// <param name="EndedAt">When it was seen to have ended; null while it runs.</param>
/// <param name="TimedOut">Whether it was ended because its time was over.</param>
/// <param name="ExitCode">When it ended by itself.</param>
internal sealed record HookFacts(
    AgentHook Hook, DateTimeOffset StartedAt, ProcessStamp? Process, DateTimeOffset? EndedAt = null, bool TimedOut = false, int? ExitCode = null);

/// <summary>What an agent has to know of services and hooks when it begins anew.</summary>
internal sealed record ServiceRecords(IReadOnlyList<ServiceFacts> Services, HookFacts? Hook)
{
    public static readonly ServiceRecords None = new([], null);
}

/// <summary>Keeps the records in <c>services.json</c>, replaced atomically. A file that cannot be read counts as none: services whose processes still run
/// are then started a second time, which their ports and locks refuse.</summary>
internal sealed class ServiceRecordStore(string stateDirectory, AgentLog log)
{
    private readonly string _path = Path.Combine(stateDirectory, "services.json");

    public ServiceRecords Load()
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(_path), ServiceJson.Default.ServiceRecords) ?? ServiceRecords.None;
        }
        catch (FileNotFoundException)
        {
            return ServiceRecords.None;
        }
        catch (Exception damaged) when (damaged is JsonException or IOException or UnauthorizedAccessException)
        {
            log.Warn("services.records_damaged", ("path", _path), ("reason", damaged.Message));
            return ServiceRecords.None;
        }
    }

    /// <exception cref="IOException">They are not saved.</exception>
    public void Save(ServiceRecords records) => Durable.WriteAtomic(_path, JsonSerializer.SerializeToUtf8Bytes(records, ServiceJson.Default.ServiceRecords));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ServiceRecords))]
internal sealed partial class ServiceJson : JsonSerializerContext;
