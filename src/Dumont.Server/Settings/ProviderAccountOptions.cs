using System.ComponentModel.DataAnnotations;

namespace Dumont.Server.Settings;

/// <summary>Vast.ai for the whole server. Section <c>Providers:Vast</c>.</summary>
internal sealed class VastAccountOptions
{
    /// <summary>Base of the API. Default <c>https://console.vast.ai/</c>.</summary>
    [Required]
    [Url]
    public string BaseUrl { get; set; } = "https://console.vast.ai/";

    /// <summary>Key of the account that users without one of their own rent with; null for none.</summary>
    public string? ApiKey { get; set; }

    /// <summary>Whether requests keep the intervals that Vast.ai asks for. Default true; off only for a local cloud that has none.</summary>
    public bool PaceRequests { get; set; } = true;
}

/// <summary>Google Cloud for the whole server. Section <c>Providers:Gcp</c>.</summary>
internal sealed class GcpAccountOptions
{
    /// <summary>Root of the Compute API, version included. Default <c>https://compute.googleapis.com/compute/v1/</c>.</summary>
    [Required]
    [Url]
    public string ComputeUrl { get; set; } = "https://compute.googleapis.com/compute/v1/";

    /// <summary>File with a service-account key for users without one of their own; null for none.</summary>
    public string? CredentialsFile { get; set; }

    /// <summary>Port on which the machines' sshd listens. Default 22.</summary>
    [Range(1, 65535)]
    public int SshPort { get; set; } = 22;
}
