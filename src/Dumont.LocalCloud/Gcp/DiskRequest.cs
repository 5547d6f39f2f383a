using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Gcp;

/// <summary>A disk as a request names it: one to make, or one that exists to be given to a VM.</summary>
internal sealed record DiskRequest
{
    private const long GbMin = 10;
    private const long GbMax = 65_536;

    /// <summary>Size of a blank disk for which none is asked.</summary>
    private const long GbDefault = 500;

    private static readonly string[] Left = ["sourceSnapshot", "sourceDisk", "sourceInstantSnapshot"];

    /// <summary>Whether it is to be made.</summary>
    public required bool IsNew { get; init; }

    public required string DiskName { get; init; }

    /// <summary>Of a disk that exists, where the reference names one.</summary>
    public string? Zone { get; init; }

    public bool Boot { get; init; }

    public bool AutoDelete { get; init; }

    public string? DeviceName { get; init; }

    public string Mode { get; init; } = "READ_WRITE";

    public string Description { get; init; } = "";

    public GcpDiskType Type { get; init; } = GcpDiskType.All[0];

    public long Gb { get; init; } = GbMin;

    public string SourceImage { get; init; } = "";

    public SortedDictionary<string, string> Labels { get; init; } = [];

    /// <summary>Reads the body of <c>disks.insert</c>.</summary>
    /// <exception cref="RefusedException">Something is wrong with it.</exception>
    public static DiskRequest Read(JsonObject body, string? sourceImage) => New(
        GcpNames.Read(body, "name", "resource.name"),
        sourceImage is null ? body : WithImage(body, sourceImage),
        body.Text("type"),
        body.Number("sizeGb"),
        "resource.sizeGb");

    /// <summary>Reads the body of <c>attachDisk</c>, or a member of an instance's <c>disks</c>.</summary>
    /// <param name="disk">The member.</param>
    /// <param name="defaultName">Name of a disk that is to be made and has none.</param>
    /// <param name="field">Where it stands, for messages.</param>
    /// <exception cref="RefusedException">Something is wrong with it.</exception>
    public static DiskRequest ReadAttached(JsonObject disk, string defaultName, string field)
    {
        var boot = disk.Flag("boot") ?? false;
        var mode = disk.Text("mode") ?? "READ_WRITE";
        if (mode is not ("READ_WRITE" or "READ_ONLY"))
        {
            throw new RefusedException(GcpError.Invalid($"Invalid value for field '{field}.mode': '{mode}'."));
        }

        if (disk.Text("type") is "SCRATCH")
        {
            throw new RefusedException(GcpError.NotSupported("a local SSD"));
        }

        if (mode == "READ_ONLY")
        {
            throw new RefusedException(GcpError.NotSupported("attaching a disk for reading alone"));
        }

        DiskRequest request;
        if (disk["initializeParams"] is JsonObject parameters)
        {
            var name = parameters.Text("diskName") ?? (boot ? defaultName : disk.Text("deviceName") ?? defaultName);
            request = New(name, parameters, parameters.Text("diskType"), parameters.Number("diskSizeGb"), $"{field}.initializeParams.diskSizeGb");
            if (boot && request.SourceImage.Length == 0)
            {
                throw new RefusedException(GcpError.Required($"{field}.initializeParams.sourceImage"));
            }
        }
        else
        {
            var source = disk.Text("source") ?? throw new RefusedException(GcpError.Required($"{field}.source"));
            request = new DiskRequest { IsNew = false, DiskName = GcpNames.LastPart(source), Zone = GcpNames.FindPart(source, "zones") };
        }

        var device = disk.Text("deviceName");
        return device is null || GcpNames.IsDevice(device)
            ? request with { Boot = boot, AutoDelete = disk.Flag("autoDelete") ?? false, DeviceName = device, Mode = mode }
            : throw new RefusedException(GcpError.Invalid($"Invalid value for field '{field}.deviceName': '{device}'."));
    }

    private static DiskRequest New(string name, JsonObject body, string? type, double? size, string field)
    {
        if (Left.FirstOrDefault(source => body[source] is not null) is { } source)
        {
            throw new RefusedException(GcpError.NotSupported($"a disk made by {source}"));
        }

        var image = body.Text("sourceImage") ?? "";
        var gigabytes = (long)(size ?? (image.Length > 0 ? GbMin : GbDefault));
        if (gigabytes is < GbMin or > GbMax)
        {
            throw new RefusedException(GcpError.Invalid(string.Create(
                CultureInfo.InvariantCulture, $"Invalid value for field '{field}': '{gigabytes}'. Disk size must be between {GbMin} GB and {GbMax} GB.")));
        }

        if (image.Length > 0 && !GcpImage.Exists(image))
        {
            throw new RefusedException(GcpError.NotFound(image[Math.Max(0, image.IndexOf("projects/", StringComparison.Ordinal))..]));
        }

        var wanted = GcpNames.LastPart(type ?? "pd-standard");
        return new DiskRequest
        {
            IsNew = true,
            DiskName = name,
            Description = body.Text("description") ?? "",
            Type = GcpDiskType.Find(wanted) ?? throw new RefusedException(GcpError.Invalid($"Invalid value for field 'diskType': '{wanted}'.")),
            Gb = gigabytes,
            SourceImage = image,
            Labels = GcpNames.ReadLabels(body["labels"] as JsonObject ?? []),
        };
    }

    private static JsonObject WithImage(JsonObject body, string image)
    {
        var copy = body.DeepClone().AsObject();
        copy["sourceImage"] = image;
        return copy;
    }
}
