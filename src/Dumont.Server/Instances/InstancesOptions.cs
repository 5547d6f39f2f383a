using System.ComponentModel.DataAnnotations;

namespace Dumont.Server.Instances;

/// <summary>Rules for instances. Section <c>Instances</c>.</summary>
internal sealed class InstancesOptions
{
    /// <summary>From the request to a running instance, all substitute offers included; then everything is given back. 10 s to 2 h; default 15 min.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "02:00:00")]
    public TimeSpan CreationTimeout { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>Offers tried for one creation. 1 to 20; default 5.</summary>
    [Range(1, 20)]
    public int OfferAttempts { get; set; } = 5;

    /// <summary>How much dearer than the offer asked for a substitute may be. 1 to 3; default 1.25.</summary>
    [Range(1.0, 3.0)]
    public double SubstitutePriceFactor { get; set; } = 1.25;

    /// <summary>Container image when the user names none.</summary>
    [Required]
    public string DefaultImage { get; set; } = "vastai/base-image:cuda-12.4.1-cudnn-devel-ubuntu22.04";

    /// <summary>How long pause and resume calls wait for the end before they answer with the state on the way. 0 to 60 s; default 20 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan ActionWait { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>Longest wait for the last changes to reach the standby before a pause. 0 to 10 min; default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan PauseDrainLimit { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Instances that one user may have at a time. 1 to 10,000; default 1,000.</summary>
    [Range(1, 10_000)]
    public int QuotaPerUser { get; set; } = 1000;
}
