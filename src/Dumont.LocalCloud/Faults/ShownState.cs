using System.Text.Json.Nodes;

namespace Dumont.LocalCloud.Faults;

/// <summary>States as providers show them, true or not.</summary>
internal static class ShownState
{
    /// <summary>Not shown at all.</summary>
    public const string Gone = "gone";

    private static readonly string[] Vast = ["created", "loading", "running", "stopped", "exited", "frozen", "rebooting", "unknown", "offline", Gone];

    private static readonly string[] Gcp =
        ["PROVISIONING", "STAGING", "RUNNING", "STOPPING", "STOPPED", "SUSPENDING", "SUSPENDED", "REPAIRING", "DEPROVISIONING", "TERMINATED", Gone];

    /// <summary>States that can be shown with a provider; those of both where none is named.</summary>
    public static IReadOnlyList<string> Of(string? provider) => provider switch
    {
        "vast" => Vast,
        "gcp" => Gcp,
        _ => [Gone],
    };

    /// <summary>A state as far from the truth as can be.</summary>
    public static string Opposite(string provider, JsonObject item) => provider == "vast"
        ? item["actual_status"]?.ToString() == "running" ? "exited" : "running"
        : item["status"]?.ToString() == "RUNNING" ? "TERMINATED" : "RUNNING";

    /// <summary>What nobody can make sense of.</summary>
    public static string Doubtful(string provider) => provider == "vast" ? "unknown" : "REPAIRING";

    /// <summary>Makes an item show a state, with the fields that go with it.</summary>
    public static void Show(string provider, JsonObject item, string state)
    {
        if (provider == "vast")
        {
            item["actual_status"] = state;
            if (state is "running" or "exited" or "stopped")
            {
                foreach (var field in (string[])["intended_status", "cur_state", "next_state"])
                {
                    item[field] = state == "running" ? "running" : "stopped";
                }
            }

            return;
        }

        item["status"] = state;
        if (state == "TERMINATED" && item["networkInterfaces"]?[0]?["accessConfigs"]?[0] is JsonObject access)
        {
            access.Remove("natIP");
        }
    }
}
