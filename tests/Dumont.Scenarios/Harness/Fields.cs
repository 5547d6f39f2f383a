using System.Text.Json.Nodes;

namespace Dumont.Scenarios.Harness;

/// <summary>Fields of an answer; one that is missing fails the test.</summary>
internal static class Fields
{
    public static string Word(this JsonNode node, string field) => node[field]!.ToString();

    public static long Number(this JsonNode node, string field) => node[field]!.GetValue<long>();

    public static bool Flag(this JsonNode node, string field) => node[field]!.GetValue<bool>();
}
