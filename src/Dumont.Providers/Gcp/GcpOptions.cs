namespace Dumont.Providers.Gcp;

/// <summary>How to reach Google Compute Engine and what a standby there looks like. The service account is given apart, as a
/// <see cref="Secret"/>.</summary>
public sealed record GcpOptions
{
    /// <summary>Root of the Compute API, version included.</summary>
    public Uri ComputeUrl { get; init; } = new("https://compute.googleapis.com/compute/v1/");

    /// <summary>Project that pays; null for the one named in the service account's key file.</summary>
    public string? ProjectId { get; init; }

    /// <summary>Limit of one exchange. Default 10 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a create call waits for Google's operation before it answers <see cref="CreateResult.Unknown"/>. Default 60 s:
    /// an insert takes 10 to 30 s.</summary>
    public TimeSpan OperationTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Port of the machine's sshd. Default 22.</summary>
    public int SshPort { get; init; } = 22;

    /// <summary>Machine type of every offer; one of the E2 family that <c>GcpPrices</c> prices. Default <c>e2-medium</c>.</summary>
    public string MachineType { get; init; } = "e2-medium";

    /// <summary>Offers Spot machines, which Google may stop at any time, rather than standard ones. Default true.</summary>
    public bool Spot { get; init; } = true;

    /// <summary>Boot image, as a partial resource name.</summary>
    public string SourceImage { get; init; } = "projects/debian-cloud/global/images/family/debian-12";
}
