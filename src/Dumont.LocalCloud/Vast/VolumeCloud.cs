using Dumont.LocalCloud.Machines;
using Dumont.LocalCloud.Market;

namespace Dumont.LocalCloud.Vast;

/// <summary>How renting a volume ended.</summary>
internal abstract record VolumeResult
{
    private VolumeResult() { }

    public sealed record Rented(Volume Volume) : VolumeResult;

    public sealed record Refused(VastProblem Problem) : VolumeResult;
}

/// <summary>What a customer can do with volumes: space on one host, mounted by instances of that host alone.</summary>
internal sealed class VolumeCloud(OfferMarket market, VolumeBook book, ContractBook contracts, VolumeFiles files, MachineSupervisor machines, TimeProvider time)
{
    public const double SizeGbMin = 1;

    private const int LabelMax = 256;

    /// <summary>What every host has left. The caller holds the gate.</summary>
    public IEnumerable<VolumeOffer> Offers()
    {
        var rented = book.All.GroupBy(volume => volume.Host.MachineId).ToDictionary(group => group.Key, group => group.Sum(volume => volume.SizeGb));
        return market.Offers.Select(offer => offer.Host).DistinctBy(host => host.MachineId)
            .Select(host => new VolumeOffer(VolumeOffer.IdOf(host), host, VolumeOffer.CapacityGb(host) - rented.GetValueOrDefault(host.MachineId)));
    }

    public VolumeResult Create(long offerId, double sizeGb, string? label)
    {
        lock (contracts.Gate)
        {
            return CreateUnder(offerId, sizeGb, label);
        }
    }

    /// <summary>Deletes a volume that nobody uses, with its files.</summary>
    public async Task<VastProblem?> DeleteAsync(long id, CancellationToken cancellationToken)
    {
        lock (contracts.Gate)
        {
            if (book.Find(id) is not { } volume)
            {
                return NoSuchVolume(id);
            }

            if (UsersOf(volume).Count > 0 || !book.IsLeft(volume, machines))
            {
                return VastProblem.InvalidArguments($"Volume {id} is in use by an instance; destroy it first.");
            }

            book.Remove(volume);
        }

        await files.RemoveAsync(id, cancellationToken);
        return null;
    }

    /// <summary>What an instance is to mount, with the volume made where it is to be new. The caller holds the gate.</summary>
    public VastProblem? FindProblem(Offer offer, VolumeRequest request)
    {
        if (request.CreateNew)
        {
            return request.VolumeId == VolumeOffer.IdOf(offer.Host)
                ? FindProblem(request.VolumeId, request.SizeGb, request.Label)
                : VastProblem.InvalidArguments($"volume offer {request.VolumeId} is not one of the machine of offer {offer.Id}");
        }

        return book.Find(request.VolumeId) is not { } volume ? NoSuchVolume(request.VolumeId)
            : volume.Host.MachineId != offer.Host.MachineId ? VastProblem.InvalidArguments($"volume {volume.Id} lies on machine {volume.Host.MachineId}; only instances of that machine can use it")
            : null;
    }

    /// <summary>Makes the volume where it is to be new. The caller holds the gate and has found no problem.</summary>
    public VolumeUse Take(VolumeRequest request) => new(
        request.CreateNew && CreateUnder(request.VolumeId, request.SizeGb, request.Label) is VolumeResult.Rented(var made) ? made.Id : request.VolumeId,
        request.MountPath);

    /// <summary>Ids of the instances that mount it. The caller holds the gate.</summary>
    public IReadOnlyList<long> UsersOf(Volume volume) =>
        [.. contracts.All.Where(contract => contract.Volumes.Any(use => use.VolumeId == volume.Id)).Select(contract => contract.Id)];

    public static VastProblem NoSuchVolume(long id) => new(StatusCodes.Status404NotFound, "no_such_volume", $"Volume {id} not found.");

    private VolumeResult CreateUnder(long offerId, double sizeGb, string? label)
    {
        if (FindProblem(offerId, sizeGb, label) is { } problem)
        {
            return new VolumeResult.Refused(problem);
        }

        var offer = Offers().First(known => known.Id == offerId);
        var volume = new Volume
        {
            Id = contracts.Ledger.NextContractId++,
            Host = offer.Host,
            SizeGb = sizeGb,
            Label = string.IsNullOrEmpty(label) ? null : label,
            CreatedAt = time.GetUtcNow(),
            MicroUsdPerHour = (long)Math.Round(offer.Host.StorageUsdPerGbMonth * sizeGb / 720 * 1_000_000),
        };
        contracts.SaveLedger();
        files.Ensure(volume.Id);
        book.Add(volume);
        return new VolumeResult.Rented(volume);
    }

    private VastProblem? FindProblem(long offerId, double sizeGb, string? label) =>
        Offers().FirstOrDefault(known => known.Id == offerId) is not { } offer ? VastProblem.OfferUnknown(offerId)
        : !(sizeGb >= SizeGbMin) ? VastProblem.InvalidArguments($"size {sizeGb} is below the minimum of {SizeGbMin} GB")
        : sizeGb > offer.FreeGb ? VastProblem.InvalidArguments($"size {sizeGb} GB exceeds the {offer.FreeGb} GB of the offer")
        : label?.Length > LabelMax ? VastProblem.InvalidArguments($"name is longer than {LabelMax} characters")
        : contracts.CreditMicroUsd <= 0 ? VastProblem.InsufficientCredit
        : null;
}
