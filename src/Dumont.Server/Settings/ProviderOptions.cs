using System.ComponentModel.DataAnnotations;

namespace Dumont.Server.Settings;

/// <summary>Vast.ai for the whole server. Section <c>Providers:Vast</c>.</summary>
internal sealed class VastOptions
{
    /// <summary>Base of the API. Default <c>https://console.vast.ai</c>.</summary>
    [Required]
    [Url]
    public string BaseUrl { get; set; } = "https://console.vast.ai";

    /// <summary>Key of the account that users without one of their own rent with; null for none.</summary>
    public string? ApiKey { get; set; }

    /// <summary>Whether requests keep to Vast.ai's limit of some two a second. Default true; off for a cloud of one's own.</summary>
    public bool PaceRequests { get; set; } = true;
}

/// <summary>Google Cloud for the whole server. Section <c>Providers:Gcp</c>.</summary>
internal sealed class GcpOptions
{
    /// <summary>Base of the Compute API. Default <c>https://compute.googleapis.com</c>.</summary>
    [Required]
    [Url]
    public string ComputeUrl { get; set; } = "https://compute.googleapis.com";

    /// <summary>File with a service-account key for users without one of their own; null for none.</summary>
    public string? CredentialsFile { get; set; }

    /// <summary>Port on which the machines' sshd listens. Default 22.</summary>
    [Range(1, 65535)]
    public int SshPort { get; set; } = 22;
}
